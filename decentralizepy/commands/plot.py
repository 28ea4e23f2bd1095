"""``decentralizepy plot``: draw finished runs, and write their tables."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from decentralizepy.commands.parsers import Parser
from decentralizepy.errors import ConfigError
from decentralizepy.figures import paper
from decentralizepy.figures.curves import LABELS, bars, curves
from decentralizepy.figures.style import rendered
from decentralizepy.files import write_atomic
from decentralizepy.results.methods import Method, as_methods, find_runs
from decentralizepy.results.read import Run

FORMS = ("png", "svg", "pdf")
TRUE = ("true", "1", "t", "y", "yes")
FALSE = ("false", "0", "f", "n", "no")


def main(argv: Sequence[str] | None = None) -> int:
    """Plot the runs below a folder, as ``plot.py DIR [CENTRALIZED]``, or one figure.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; by default those of the process.

    Returns
    -------
    int
        The exit status: 0, or 2 after one line on standard error.
    """
    try:
        args = parser().parse_args(argv)
        folders, centralized = _split(args.runs)
        if not args.y and (args.x or args.width):
            raise ConfigError("--x and --width are for the one figure of --y METRIC")
        found = find_runs(folders)
        methods, remarks = as_methods(found)
        if centralized:
            methods = [method.centralized() for method in methods]
        if args.y:
            told = _one(args, methods)
        else:
            runs = [each.run for each in found]
            told = _all(args, folders, methods, runs, centralized)
    except (ConfigError, OSError) as error:
        print(f"plot: {error}", file=sys.stderr)
        return 2
    for remark in remarks:
        print(f"warning: {remark}", file=sys.stderr)
    print(told)
    return 0


def _one(args: argparse.Namespace, methods: Sequence[Method]) -> str:
    """Write the figure of one metric; return what is said of it."""
    path = args.output or Path(f"{args.y}.pdf")
    form = path.suffix[1:].lower()
    if form not in FORMS:
        raise ConfigError(f"-o {path}: expected a name that ends in .pdf, .png or .svg")
    x, width = args.x or "rounds", args.width or "column"
    write_atomic(path, paper.draw(methods, x, args.y, width, form))
    return f"{path} written"


def _all(
    args: argparse.Namespace,
    folders: Sequence[Path],
    methods: list[Method],
    runs: list[Run],
    centralized: bool,
) -> str:
    """Write all figures and tables; return what is said of them."""
    if centralized:
        runs = [run.centralized() for run in runs]
    files = dict([*_tables(runs), *_figures(methods, args.formats)])
    out: Path = args.output or folders[0]
    out.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_atomic(out / name, content)
    return f"{len(files)} figures and tables written to {out}"


def parser() -> Parser:
    """Return the parser of this command."""
    parser = Parser(
        "plot",
        "Draw finished runs: a figure per metric, and tables of single runs; or with --y one "
        "figure for a paper, with embedded fonts. Runs that only differ in their seed are one "
        "line, with the 95 % interval over seeds; of a single run, bands are over nodes.",
        "plot config_sweep -o figures --formats pdf",
        "plot config_sweep --y test_acc --x bytes -o accuracy.pdf --width column",
    )
    add = parser.add_argument
    help = "runs, sweeps or log folders; CENTRALIZED = true: only the server, or node 0 of "
    help += "machine 0, has tested"
    add("runs", metavar="RUN", nargs="+", help=help + ", as in plot.py DIR CENTRALIZED")
    help = (
        "the figure, or the folder of all figures (default: METRIC.pdf; the first RUN)"
    )
    add("-o", "--output", metavar="OUT", type=Path, help=help)
    help = "of all figures: png, svg and pdf, with commas between (default: png)"
    add("--formats", type=_formats, default=["png"], help=help)
    add("--y", metavar="METRIC", help="draw one figure, of this metric, for a paper")
    add("--x", choices=paper.AXES, help="its x-axis (default: rounds)")
    help = "its width: 3.4 or 7 inches (default: column)"
    add("--width", choices=paper.WIDTHS, help=help)
    return parser


def _split(words: Sequence[str]) -> tuple[list[Path], bool]:
    """Return the folders, and whether the word after them is a true CENTRALIZED."""
    last = words[-1].lower()
    if len(words) > 1 and last in TRUE + FALSE and not Path(words[-1]).exists():
        return [Path(word) for word in words[:-1]], last in TRUE
    return [Path(word) for word in words], False


def _formats(words: str) -> list[str]:
    formats = [word.strip().lower() for word in words.split(",")]
    for word in formats:
        if word not in FORMS:
            raise argparse.ArgumentTypeError(f"{word!r} is none of png, svg, pdf")
    return formats


def _tables(runs: Iterable[Run]) -> Iterator[tuple[str, bytes]]:
    for run in runs:
        sent = run.spread("total_bytes")["mean"]
        for metric in LABELS:
            table = run.spread(metric)[["mean", "std", "nr_nodes"]]
            if metric != "total_bytes":
                table = table.assign(total_bytes=sent.reindex(table.index))
            if len(table):
                yield f"{metric}_{run.name}.csv", table.to_csv().encode()


def _figures(methods: list[Method], formats: list[str]) -> Iterator[tuple[str, bytes]]:
    for name, drawn in {**curves(methods), **bars(methods)}.items():
        for form in formats:
            yield f"{name}.{form}", rendered(drawn, form)
