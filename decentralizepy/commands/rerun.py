"""``decentralizepy rerun``: repeat a run from its log folder, and compare the bits."""

import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from decentralizepy.commands.parsers import Parser
from decentralizepy.config import flags
from decentralizepy.errors import ConfigError, DataError
from decentralizepy.results import manifests
from decentralizepy.runs import resume
from decentralizepy.runs.signals import Stopped, end_once

SHOWN = 5  # nodes, packages or files that are listed
Content = Mapping[str, Any]


def main(argv: Sequence[str]) -> int:
    """Repeat a run, as ``decentralizepy rerun LOGDIR``.

    Returns
    -------
    int
        The exit status: 0 if the bits are the same, 1 if not, 2 for a mistake by the
        user, or that of the new run if it failed.
    """
    try:
        args = parser().parse_args(argv)
        out = args.output or Path(f"{args.log_dir}{manifests.RERUN}")
        with end_once():
            return rerun(args.log_dir, out, args.overwrite)
    except (ConfigError, Stopped) as error:
        print(f"rerun: {error}", file=sys.stderr)
        return error.exit_status


def parser() -> Parser:
    """Return the parser of this command."""
    parser = Parser(
        "rerun",
        "Repeat a run with the INI file and the flags in its log folder. Say whether "
        "weights and results are the same to the bit, and if not, what differs.",
        "rerun runs/jwins/machine0",
    )
    add = parser.add_argument
    add("log_dir", metavar="LOGDIR", type=Path, help="the log folder of the run")
    add("-o", "--output", metavar="DIR", type=Path, help="default: LOGDIR-rerun")
    add("--overwrite", action="store_true", help="replace an earlier rerun")
    return parser


def rerun(log_dir: Path, out: Path, overwrite: bool = False) -> int:
    """Repeat a run in the folder ``out``, and print what differs; return the status."""
    from decentralizepy.runs import manifest

    before = manifest.read(log_dir)
    if before["flags"].get("machines", 1) > 1:
        raise ConfigError(f"{log_dir}: a run on several machines; start it by hand")
    if not before.get("weights"):
        raise ConfigError(f"{log_dir}: there are no final weights to compare with")
    folder = before["folder"] if Path(before["folder"]).is_dir() else os.getcwd()
    words = command(log_dir.resolve(), out.resolve())
    words += ["--overwrite"] * overwrite
    status = _run(words, folder)
    if status:
        print(f"rerun: the run failed with exit status {status}", file=sys.stderr)
        return status
    after = manifest.read(out)
    lines = [*different_bits(before, after, log_dir, out)]
    if not lines:
        models, results = len(before["weights"]), len(before["results"])
        print(f"the same bits: {models} models, {results} files of results")
        return 0
    print("\n".join(["not the same bits", *lines, *causes(before, after)]))
    return 1


def _run(words: Sequence[str], folder: str) -> int:
    """Run a command in a folder, and return its exit status; end it at Ctrl-C."""
    process = subprocess.Popen(words, cwd=folder, start_new_session=True)
    try:
        return process.wait()
    except Stopped:
        process.send_signal(signal.SIGTERM)
        process.wait()
        raise


def command(log_dir: Path, out: Path) -> list[str]:
    """Return the command line that repeats a run in the folder ``out``."""
    again = resume.flags(str(log_dir))
    settings = again.pop("set")
    if graph := again.get("graph_file"):
        again["graph_file"] = str(log_dir / Path(graph).name)
    again |= {"log_dir": str(out), "weights_store_dir": str(out / "weights")}
    words = [sys.executable, "-m", "decentralizepy", "run"]
    return [*words, *flags.words({**again, "set": settings})]


def different_bits(
    before: Content, after: Content, log_dir: Path, out: Path
) -> Iterator[str]:
    """Yield what differs in the outcome of two runs, one line each."""
    for kind, detail in (("weights", _distance), ("results", _first)):
        old, new = before[kind], after[kind]
        names = [name for name, digest in old.items() if new.get(name) != digest]
        if names:
            places = [log_dir, out] if kind == "results" else _weights(before, after)
            told = detail(names, places[0], places[1])
            yield f"{kind}: {len(names)} of {len(old)} differ ({_listed(names)}){told}"


def _weights(before: Content, after: Content) -> list[Path]:
    """Return the folders of the weights of two runs."""
    return [
        Path(each["folder"], each["flags"]["weights_store_dir"])
        for each in (before, after)
    ]


def _distance(names: Sequence[str], before: Path, after: Path) -> str:
    """Return the largest difference of two weights, if the old ones are still there."""
    largest = 0.0
    for name in names:
        if not ((before / name).exists() and (after / name).exists()):
            return "; not all of them are there"
        old, new = _loaded(before / name), _loaded(after / name)
        if old.keys() != new.keys() or any(old[k].shape != new[k].shape for k in old):
            return "; not the same model"
        for key in old:
            apart = (old[key].double() - new[key].double()).abs()
            largest = max(largest, float(apart.max()))
    return f"; the largest difference of two weights is {largest:.2g}"


def _loaded(path: Path) -> dict[str, Any]:
    """Return the tensors of a file of weights, of one node or of many."""
    import numpy as np
    import torch

    if path.suffix == ".npy":
        return {"models": torch.from_numpy(np.load(path, allow_pickle=False))}
    return dict(torch.load(path, weights_only=True))


def _first(names: Sequence[str], log_dir: Path, out: Path) -> str:
    """Return the first round in which results differ."""
    from decentralizepy.results.read import read_run
    from decentralizepy.results.write import REPEATED

    rounds: dict[int, str] = {}
    try:
        old, new = (
            read_run("", folder, [folder / name for name in names]).nodes
            for folder in (log_dir, out)
        )
    except DataError as error:
        return f"; {error}"
    for node, metric in ((n, m) for n in old for m in REPEATED):
        was, now = (each.get(node, {}).get(metric, {}) for each in (old, new))
        for number in was.keys() | now.keys():
            pair = [each.get(number, math.nan) for each in (was, now)]
            if repr(pair[0]) != repr(pair[1]):
                told = f"{metric} of node {node} was {pair[0]:g}, is {pair[1]:g}"
                rounds.setdefault(number, told)
    first = min(rounds, default=0)
    return f"; first in round {first}: {rounds[first]}" if rounds else ""


def causes(before: Content, after: Content) -> Iterator[str]:
    """Yield what differs in what two runs depend on."""
    for title, old, new in _compared(before, after):
        names = sorted(
            name for name in old.keys() | new.keys() if old.get(name) != new.get(name)
        )
        told = [f"{name}: {old.get(name)} -> {new.get(name)}" for name in names]
        yield from (f"{title} {line}" for line in told[:SHOWN])
        if len(told) > SHOWN:
            yield f"{title}: {len(told) - SHOWN} more differ"


def _compared(
    before: Content, after: Content
) -> Iterator[tuple[str, Content, Content]]:
    yield "package", before["packages"], after["packages"]
    kept = ("python", "cpu", "cpu_capability", "gpus", "threads", "system")
    machines = [
        {key: each["machine"].get(key) for key in kept} for each in (before, after)
    ]
    yield "machine", machines[0], machines[1]
    yield "digest of", before["digests"], after["digests"]
    yield "commit of", _commits(before["code"]), _commits(after["code"])
    yield "file", _contents(before["files"]), _contents(after["files"])


def _commits(code: Content) -> dict[str, str]:
    ours = code["decentralizepy"]
    entries = {"decentralizepy": ours, **code["plug-ins"]}
    return {
        name: f"{each['commit']}{' with changes' if each['dirty'] else ''}"
        for name, each in entries.items()
    }


def _contents(files: Mapping[str, str]) -> dict[str, str]:
    """Return digests by the names of files, since the copies are in the log folder."""
    return {Path(path).name: digest[:12] for path, digest in files.items()}


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
