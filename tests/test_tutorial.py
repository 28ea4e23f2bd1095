"""The commands of tutorial/README.rst and the series of eval/; breaks when one no longer runs."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from decentralizepy.datasets.stand_in import cifar10
from tests.support import LIMIT_S, ROOT
from tests.support.ports import free_offset

PAGE = (ROOT / "tutorial" / "README.rst").read_text()
COMMANDS = re.findall(r"^    (bash tutorial/\S+)$", PAGE, re.MULTILINE)
COMPARE = "bash tutorial/EpidemicLearning/compare.sh"
SHORT = ["-is", "2", "-ta", "2"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Return the flags that put a small stand-in in the place of CIFAR-10."""
    folder = tmp_path_factory.mktemp("data")
    cifar10.write(folder, train=320, test=40, seed=1)
    folders = [f"DATASET.{key}={folder}" for key in ("train_dir", "test_dir")]
    return [word for setting in folders for word in ("--set", setting)]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return a function that runs a command in an environment with nothing to install."""
    programs = tmp_path_factory.mktemp("venv") / "bin"
    programs.mkdir()
    python = f'exec "{sys.executable}"'
    scripts = {
        "python": f'[ "$1 $2" = "-m pip" ] || {python} "$@"',
        "decentralizepy": f'{python} -m decentralizepy "$@"',
    }
    for name, line in scripts.items():
        (programs / name).write_text(f"#!/bin/sh\n{line}\n")
        (programs / name).chmod(0o755)

    def run(command, *flags, **settings):
        done = subprocess.run(
            [*shlex.split(command), *flags],
            cwd=ROOT,
            env={**os.environ, "VENV": str(programs.parent), **settings},
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def ranks(folder):
    """Return the ranks that have left results in ``folder``."""
    paths = folder.glob("*_results.json")
    return sorted(int(path.name.partition("_")[0]) for path in paths)


def test_the_page_names_every_script():
    scripts = {path.relative_to(ROOT) for path in ROOT.glob("tutorial/**/*.sh")}
    assert {Path(command.split()[1]) for command in COMMANDS} == scripts


@pytest.mark.processes
@pytest.mark.parametrize(
    "command",
    [
        pytest.param(each, marks=[] if "federated" in each else pytest.mark.slow)
        for each in COMMANDS
        if each != COMPARE
    ],
)
def test_a_command_of_the_tutorial_runs(run, data, tmp_path, command):
    offset = ["--set", f"COMMUNICATION.offset={free_offset(2 * 17)}"]
    logs, weights = tmp_path / "machine0", tmp_path / "weights"
    folders = ["-ld", str(logs), "-wsd", str(weights)]
    run(command, *SHORT, *folders, *data, *offset)
    server = [-1] if "federated" in command else []
    assert ranks(logs) == server + list(range(16))
    assert list(weights.glob("1_weight_*.pt"))


IPC = [
    "--set",
    "COMMUNICATION.comm_package=decentralizepy.communication.IPC",
    "--set",
    "COMMUNICATION.comm_class=IPC",
]


@pytest.mark.processes
@pytest.mark.slow
def test_epidemic_learning_is_compared_with_a_fixed_graph(run, tmp_path):
    table = run(COMPARE, str(tmp_path), *SHORT, *IPC, SEEDS="90")
    for name in ("DPSGD-90", "EL_Local-90"):
        assert ranks(tmp_path / name / "machine0") == list(range(16))
        assert name in table
    assert (tmp_path / "compare.png").exists()


FOUR = ["-ps", "4", "-gf", "eval/4_node_fullyConnected.edges"]
SERIES = {
    "run_all": (["digits"], {}),
    "run_grid": (
        ["batch8-rounds2-lr0.1", "batch16-rounds2-lr0.1"],
        {"ROUNDS": "2", "LRS": "0.1", "PROCS": "4"},
    ),
    "run_xtimes": (["seed7"], {"SEEDS": "7", "PROCS": "4"}),
}


@pytest.mark.processes
@pytest.mark.slow
@pytest.mark.parametrize("script", SERIES)
def test_a_series_of_runs(run, tmp_path, script):
    names, settings = SERIES[script]
    settings = {"CONFIGS": "eval/config_digits.ini", **settings}
    table = run(
        f"bash eval/{script}.sh", str(tmp_path), *SHORT, *FOUR, *IPC, **settings
    )
    for name in names:
        assert ranks(tmp_path / name / "machine0") == list(range(4))
        assert name in table


@pytest.mark.parametrize(
    ("arguments", "rounds", "test_after", "steps"),
    [
        ("1438 16 8 4 10", 55, 5, 2),  # 11 batches an epoch: 4 rounds of 2 leave 3
        ("50000 16 8 10 5", 50, 10, 39),
        ("1438 16 8 100 10", 110, 11, 1),  # no more rounds than batches
        ("100 16 8 4 10", 10, 1, 1),  # less than a batch
    ],
)
def test_epochs_become_rounds(arguments, rounds, test_after, steps):
    script = f"set -euo pipefail; source eval/epochs.sh; epochs {arguments}"
    printed = subprocess.check_output(["bash", "-c", script], cwd=ROOT, text=True)
    assert printed.startswith(f"-is {rounds} -ta {test_after} ")
    assert printed.endswith(f"TRAIN_PARAMS.rounds={steps}\n")
