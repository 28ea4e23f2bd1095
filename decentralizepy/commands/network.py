"""``decentralizepy network``: the virtual time of a finished run, also on another network."""

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from decentralizepy.commands.parsers import Parser
from decentralizepy.config import flags
from decentralizepy.errors import ConfigError, DecentralizepyError
from decentralizepy.files import write_atomic
from decentralizepy.results.manifests import FILE as MANIFEST


def main(argv: Sequence[str] | None = None) -> int:
    """Write ``virtual_time.json`` of a run, as ``decentralizepy network FOLDER``.

    Returns
    -------
    int
        The exit status: 0, or 2 after one line on standard error.
    """
    try:
        args = parser().parse_args(argv)
        if args.set and not args.output:
            raise ConfigError("--set needs -o, a folder for what another network gives")
        if args.output:
            _copy(args.folder, args.output)
        for machines in runs(args.output or args.folder):
            _compute(machines, args.set)
    except (DecentralizepyError, OSError) as error:
        print(f"network: {error}", file=sys.stderr)
        return 2
    return 0


def parser() -> Parser:
    """Return the parser of this command."""
    parser = Parser(
        "network",
        "Compute the virtual time of a finished run on several machines, once their log "
        "folders are in one; or that of any run on another network, in a copy of its "
        "results.",
        "network runs/jwins --set NETWORK.bandwidth=10 -o runs/jwins10",
    )
    add = parser.add_argument
    help = "a log folder, the folder of those of all machines, or a sweep"
    add("folder", metavar="FOLDER", type=Path, help=help)
    help = "where to copy the results to (needed with --set)"
    add("-o", "--output", metavar="OUT", type=Path, help=help)
    help = "a key of section NETWORK, such as NETWORK.bandwidth=10"
    add("--set", metavar="NETWORK.KEY=VALUE", action="append", default=[], help=help)
    return parser


def runs(folder: Path) -> list[dict[int, Path]]:
    """Return the runs of a folder: the log folder of each machine, by its number.

    Raises
    ------
    ConfigError
        If there is none.
    """
    if machines := _machines(folder):
        return [machines]
    found = [*filter(None, map(_machines, sorted(folder.glob("*/"))))]
    if not found:
        raise ConfigError(
            f"{folder}: expected the log folder of a run, those of all its machines "
            "(machine0, machine1 ...), or several runs, such as a sweep"
        )
    return found


def _machines(folder: Path) -> dict[int, Path]:
    """Return the log folder of each machine of a run; empty if it is not one."""
    if (folder / "args.json").exists():
        return {0: folder}
    return {
        int(path.parent.name.removeprefix("machine")): path.parent
        for path in folder.glob("machine*/args.json")
        if path.parent.name.removeprefix("machine").isdecimal()
    }


def _copy(folder: Path, output: Path) -> None:
    """Copy results, without weights and checkpoints.

    Raises
    ------
    ConfigError
        If there is a folder of that name.
    """
    runs(folder)
    if output.exists():
        raise ConfigError(f"{output}: exists; expected a new folder")
    bulky = shutil.ignore_patterns("weights", "checkpoints", "models", "*.log", "*.png")
    shutil.copytree(folder, output, ignore=bulky)


def _compute(machines: dict[int, Path], settings: Sequence[str]) -> None:
    """Add the virtual time to the results of a run."""
    from decentralizepy.results.write import derive_all
    from decentralizepy.runs.experiment import Experiment
    from decentralizepy.runs.virtual_time import recorded, write_times

    folder = machines[min(machines)]
    chosen = {"resume": folder, "set": settings}
    experiment = Experiment.load([*flags.words(chosen)])
    network, count = experiment.network, experiment.args.machines
    if network is None or not any(map(recorded, machines.values())):
        raise ConfigError(
            f"{folder}: its nodes have recorded nothing; expected a run with a section "
            "[NETWORK], whose nodes wait for each other"
        )
    if len(machines) < count:
        present = ", ".join(f"machine{number}" for number in sorted(machines))
        raise ConfigError(f"{folder.parent}: {count} machines, but only {present}")
    times = write_times(machines, experiment, network)
    for place in machines.values():
        derive_all(place)
        _note(place / MANIFEST, experiment.config["NETWORK"])
    end = max((max(rounds.values(), default=0.0) for rounds in times), default=0.0)
    print(f"{folder}: {end:.6g} s of virtual time")


def _note(manifest: Path, section: dict[str, object]) -> None:
    """Have the manifest name the network, by which runs are told apart."""
    if manifest.exists():
        content = json.loads(manifest.read_text(encoding="utf-8"))
        content["configuration"]["NETWORK"] = section
        write_atomic(manifest, json.dumps(content, indent=1))
