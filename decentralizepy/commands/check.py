"""``decentralizepy check``: check an INI file, and show what it resolves to."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from argparse import SUPPRESS, ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from decentralizepy import utils
from decentralizepy.commands.parsers import with_run_flags
from decentralizepy.commands.survey import check_network
from decentralizepy.errors import ConfigError, DecentralizepyError, shown
from decentralizepy.machine import cores
from decentralizepy.monitor.units import duration, size, span

if TYPE_CHECKING:
    from decentralizepy.runs.experiment import Experiment

MEASURED = 2  # rounds
ABOUT = """\
Check everything that a run would check before it starts, and show what FILE.ini resolves
to: classes, options and where each value comes from, graph, bytes and memory. All flags
of "decentralizepy run" may be given.

example:
  decentralizepy check config.ini --set SHARING.sharing_class=JWINS --measure
"""


def main(argv: Sequence[str]) -> int:
    """Check an experiment; the first word may be the INI file.

    Returns
    -------
    int
        The exit status: 0, or 2 if a run would not start; with ``--network``, 1 if the
        machines do not reach each other or would run different things.
    """
    words = utils.file_first(argv)
    parsing = parser()
    chosen = utils.given(words, parsing)
    try:
        if chosen.get("network"):
            return check_network(chosen)
        content = check(words, parsing, bool(chosen.get("measure")))
    except DecentralizepyError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    if chosen.get("json"):
        print(json.dumps(content, indent=1, default=str))
    else:
        print("\n".join(lines(content)))
    for problem in content["problems"]:
        print(problem, file=sys.stderr)
    return ConfigError.exit_status if content["problems"] else 0


def parser() -> ArgumentParser:
    """Return the parser of this command."""
    usage = "FILE.ini [--json] [--measure] [--network] [FLAGS]"
    parser = with_run_flags("check", usage, ABOUT, without=["network"])
    add = parser.add_argument
    add("--json", action="store_true", help="print JSON")
    add(
        "--measure",
        action="store_true",
        help="run two rounds in one process, and measure bytes and time",
    )
    add(
        "--network",
        action="store_true",
        default=SUPPRESS,  # else it would be shown as the value of run's --network
        help="with --rendezvous HOST:PORT --machines N, on each machine: measure round "
        "trip, bandwidth and clocks between all of them, and compare their versions",
    )
    return parser


def check(
    words: Sequence[str], parser: ArgumentParser, measured: bool
) -> dict[str, Any]:
    """Return what an experiment resolves to, and ``problems`` of this machine with it.

    Raises
    ------
    DecentralizepyError
        If the experiment could not be started.
    """
    from decentralizepy.placement.placed import free_ports
    from decentralizepy.runs import preflight, view
    from decentralizepy.runs.experiment import Experiment
    from decentralizepy.runs.prepare import load, prepare_nodes, prepare_transport
    from decentralizepy.runs.scratch import Scratch

    experiment = Experiment.load(words, parser=parser)
    with Scratch() as scratch, free_ports(experiment):
        prepare_transport(experiment, scratch)
    prepare_nodes(experiment)
    _, numbers = load(experiment)
    content = view.view(experiment, numbers)
    content["problems"] = preflight.examine(experiment, numbers)
    if measured:
        content["measured"] = measure(experiment)
    return content


def measure(experiment: Experiment) -> dict[str, float]:
    """Return bytes and seconds of a round, from a run of two rounds in one process.

    Raises
    ------
    ConfigError
        If that run fails; its message is the end of what it printed.
    """
    from decentralizepy.results.read import read_runs

    args = experiment.args
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "decentralizepy", "run"]
        words += [args.config_file, "-ps", *map(str, args.procs_per_machine)]
        words += ["--engine", "debug", "-is", str(MEASURED), "-ta", "99", "-tea", "99"]
        words += ["-ld", f"{folder}/log", "-wsd", f"{folder}/weights"]
        words += ["-gf", args.graph_file] if args.graph_file else []
        words += [word for text in args.set for word in ("--set", text)]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode:
            end = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
            raise ConfigError(f"--measure: the run of {MEASURED} rounds failed: {end}")
        (run,) = read_runs(Path(folder, "log"))
    sent = run.spread("total_bytes")["mean"].iloc[-1] / MEASURED
    busy = run.spread("time")["mean"].iloc[-1] / MEASURED  # of all nodes, in turn
    busy_cores = min(cores(), len(experiment.ranks))
    return {
        "bytes_per_round": float(sent),
        "bytes": float(sent) * args.iterations,
        "seconds_per_round": float(busy) / busy_cores,
        "seconds": float(busy) / busy_cores * args.iterations,
    }


def lines(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield what was found, as text."""
    yield f"{content['file']}: a run could start" if not content["problems"] else ""
    for name, section in content["sections"].items():
        if section["options"]:
            yield f"\n[{name}]  {section['class'] or ''}".rstrip()
            yield from _options(section["options"])
    yield "\nflags"
    yield from _options(content["flags"])
    yield ""
    for title, text in _summary(content):
        yield f"{title:9} {text}"


def _options(options: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each value that was given, and one for all defaults."""
    for key, each in options.items():
        if each["from"] != "default":
            yield f"  {key} = {shown(each['value'])}  ({each['from']})"
    left = [
        f"{key} = {shown(each['value'])}"
        for key, each in options.items()
        if each["from"] == "default"
    ]
    if left:
        yield f"  defaults: {', '.join(left)}"


def _summary(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    nodes, model = content["nodes"], content["model"]
    yield "nodes", f"{nodes['count']}: {', '.join(nodes['classes'])}"
    yield "graph", _graph(content["graph"])
    yield "model", f"{model['class']}, {model['numbers']:,} numbers"
    sent = content["bytes"]
    if sent["round"] is not None:
        yield (
            "bytes",
            f"about {size(sent['round'])} per node and round, {size(sent['run'])} per "
            "node and run, if the whole model is sent uncompressed",
        )
    if measured := content.get("measured"):
        yield (
            "measured",
            f"{size(measured['bytes_per_round'])} per node and round, "
            f"{size(measured['bytes'])} per node and run; "
            f"{measured['seconds_per_round']:.3g} s per round, "
            f"{duration(measured['seconds'])} in all, without tests",
        )
    memory = content["memory"]
    free = "" if memory["free"] is None else f"; {size(memory['free'])} are free"
    text = f"about {size(memory['all'])} in {memory['processes']} processes"
    yield "memory", text + free


def _graph(graph: Mapping[str, Any]) -> str:
    degree = span(graph["degree_min"], graph["degree_max"])
    text = f"{graph['nodes']} nodes, {graph['edges']} edges, degree {degree}"
    text += ", connected" if graph["connected"] else ", not connected"
    text += "" if graph["fixed"] else "; these are of the first round"
    if graph["spectral_gap"] is not None:
        text += f", spectral gap {graph['spectral_gap']:.4f}"
    if graph["rounds_to_thousandth"]:
        text += (
            f"; {graph['rounds_to_thousandth']} rounds of averaging alone bring models a "
            "thousand times closer"
        )
    return text
