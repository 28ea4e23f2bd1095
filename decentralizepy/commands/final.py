"""``decentralizepy final``: metrics over the final models of a run on several machines."""

import sys
from collections.abc import Sequence
from pathlib import Path

from decentralizepy.commands.parsers import Parser
from decentralizepy.errors import DecentralizepyError


def main(argv: Sequence[str] | None = None) -> int:
    """Write ``final.json`` of a run, as ``decentralizepy final LOGDIR WEIGHTS ...``.

    A launcher does this at the end of a run if it finds the weights of all nodes. If the
    machines of a run share no folder, collect their weights first.

    Returns
    -------
    int
        The exit status: 0, or 2 after one line on standard error.
    """
    try:
        args = parser().parse_args(argv)
        measured = _measure(args.log_dir, args.weights)
    except DecentralizepyError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    for name, value in measured.items():
        print(f"{name}: {value:.6g}")
    return 0


def parser() -> Parser:
    """Return the parser of this command."""
    parser = Parser(
        "final",
        "Compute the accuracy of the mean of all final models, and their distance from it, "
        "for a run on machines that share no weights folder.",
        "final runs/a/machine0 weights0 weights1",
    )
    add = parser.add_argument
    add("log_dir", metavar="LOGDIR", help="the log folder of one of the machines")
    add(
        "weights",
        metavar="WEIGHTS",
        nargs="+",
        type=Path,
        help="the weights folders of all machines, copied to this one",
    )
    return parser


def _measure(log_dir: str, folders: Sequence[Path]) -> dict[str, float]:
    """Compute the metrics, and add them to the results in ``log_dir``."""
    from decentralizepy.results.write import derive_all, write_final
    from decentralizepy.runs import final
    from decentralizepy.runs.experiment import Experiment

    experiment = Experiment.load(["--resume", log_dir])
    measured = final.measure(experiment, folders)
    write_final(Path(log_dir), experiment.rounds_done, measured)
    derive_all(Path(log_dir))
    return measured
