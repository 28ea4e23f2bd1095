"""``decentralizepy network``: the virtual time of a finished run, also on another network."""

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from decentralizepy.commands.parsers import Parser
from decentralizepy.errors import ConfigError, DecentralizepyError
from decentralizepy.files import write_atomic

MANIFEST = "manifest.json"


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
        _compute(args.output or args.folder, args.set)
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
    help = "a log folder, or the folder of those of all machines"
    add("folder", metavar="FOLDER", type=Path, help=help)
    help = "where to copy the results to (needed with --set)"
    add("-o", "--output", metavar="OUT", type=Path, help=help)
    help = "a key of section NETWORK, such as NETWORK.bandwidth=10"
    add("--set", metavar="NETWORK.KEY=VALUE", action="append", default=[], help=help)
    return parser


def machines(folder: Path) -> dict[int, Path]:
    """Return the log folder of each machine of a run.

    Raises
    ------
    ConfigError
        If there is none, or one of several is missing.
    """
    found = {
        int(path.name.removeprefix("machine")): path
        for path in folder.glob("machine*")
        if path.name.removeprefix("machine").isdecimal()
    }
    if (folder / "args.json").exists():
        return {0: folder}
    if sorted(found) != [*range(len(found))] or not found:
        raise ConfigError(
            f"{folder}: expected the log folder of a run, or those of all its machines, "
            "machine0, machine1 ..."
        )
    return found


def _copy(folder: Path, output: Path) -> None:
    """Copy results, without weights and checkpoints.

    Raises
    ------
    ConfigError
        If there is a folder of that name.
    """
    machines(folder)
    if output.exists():
        raise ConfigError(f"{output}: exists; expected a new folder")
    bulky = shutil.ignore_patterns("weights", "checkpoints", "models", "*.log", "*.png")
    shutil.copytree(folder, output, ignore=bulky)


def _compute(folder: Path, settings: Sequence[str]) -> None:
    """Add the virtual time to the results in ``folder``."""
    from decentralizepy.results.write import derive_all
    from decentralizepy.run.experiment import Experiment
    from decentralizepy.run.virtual_time import recorded, write_times

    found = machines(folder)
    chosen = [word for text in settings for word in ("--set", text)]
    experiment = Experiment.load(["--resume", str(found[min(found)]), *chosen])
    network = experiment.network
    if network is None or not any(map(recorded, found.values())):
        raise ConfigError(
            f"{folder}: its nodes have recorded nothing; expected a run with a section "
            "[NETWORK], whose nodes wait for each other"
        )
    if len(found) < experiment.args.machines:
        raise ConfigError(
            f"{folder}: lacks some of {experiment.args.machines} machines"
        )
    times = write_times(found, experiment, network)
    for place in found.values():
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
