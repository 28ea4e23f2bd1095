"""Real runs: how a test starts one, and reads what it wrote."""

import configparser
import json
import subprocess
import sys

import torch

from decentralizepy import launcher
from tests.support import LIMIT_S, ROOT
from tests.support.ports import free_offset
from tests.support.toy import CONFIG

NODES = 4
RUN = {"procs_per_machine": NODES, "figures": "off"}
DRAWN = {"RUN": {"figures": "on"}}
RING = {"graph_package": "decentralizepy.graphs.Ring", "graph_class": "Ring"}


def make_experiment(tmp_path):
    """Return a function that writes an INI and returns the words that run it."""

    def experiment(comm="TCP", rounds=10, name="run", driver=None, **sections):
        config = configparser.ConfigParser()
        config.read_dict({**CONFIG, "GRAPH": RING, "RUN": RUN})
        (tmp_path / "ip.json").write_text('{"0": "localhost"}')
        config["COMMUNICATION"] = {
            "comm_package": f"decentralizepy.communication.{comm}",
            "comm_class": comm,
            "addresses_filepath": str(tmp_path / "ip.json"),
            "offset": str(free_offset(2 * NODES)),
        }
        for section, options in sections.items():
            config.read_dict({section: options})
        path = tmp_path / f"{name}.ini"
        with path.open("w") as file:
            config.write(file)
        start = [driver] if driver else ["-m", "decentralizepy", "run"]
        folders = [
            "-ld",
            str(tmp_path / name),
            "-wsd",
            str(tmp_path / name / "weights"),
        ]
        flags = ["-cf", str(path), "-is", str(rounds), "-ta", "5", *folders]
        return [sys.executable, *start, *flags]

    return experiment


def run(words, **options):
    return subprocess.run(
        words, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, **options
    )


def debug(words):
    """Run in this process, which has imported torch already; return the exit status."""
    try:
        launcher.launch(argv=[*words[4:], "--engine", "debug"])
    except SystemExit as ended:
        return ended.code
    raise AssertionError("a launcher that does not exit")


TIMINGS = {
    "time",
    "wait",
    "slowest",
    "rejected",
    "total_control",
}  # they differ from run to run


def results(folder):
    """Return the results of all nodes, without timings and what strangers did."""
    paths = sorted(folder.glob("*_results.json"))
    tables = {path.name: json.loads(path.read_text()) for path in paths}
    return {
        file: {name: table[name] for name in table.keys() - TIMINGS}
        for file, table in tables.items()
    }


def weights(folder):
    states = {
        path.name: torch.load(path, weights_only=True) for path in folder.glob("*.pt")
    }
    return {
        f"{name} {key}": tensor
        for name, state in states.items()
        for key, tensor in state.items()
    }
