"""``decentralizepy plot``: draw finished runs, and write their tables."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from decentralizepy.errors import ConfigError
from decentralizepy.figures.curves import LABELS, bars, curves
from decentralizepy.figures.style import rendered
from decentralizepy.files import write_atomic
from decentralizepy.results.methods import Method, read_methods
from decentralizepy.results.read import Run, read_runs


def main(argv: Sequence[str] | None = None) -> int:
    """Plot the runs below a folder, as ``plot.py DIR [CENTRALIZED]``.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; by default those of the process.

    Returns
    -------
    int
        The exit status: 0, or 2 after one line on standard error.
    """
    args = _parser().parse_args(argv)
    try:
        runs = read_runs(args.dir)
        methods, remarks = read_methods([args.dir])
        if args.centralized:
            runs = [run.centralized() for run in runs]
            methods = [method.centralized() for method in methods]
        files = dict([*_tables(runs), *_figures(methods, args.formats)])
        out = args.output or args.dir
        out.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            write_atomic(out / name, content)
    except (ConfigError, OSError) as error:
        print(f"plot: {error}", file=sys.stderr)
        return 2
    for remark in remarks:
        print(f"warning: {remark}", file=sys.stderr)
    print(f"{len(files)} figures and tables written to {out}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Plot finished runs: per round, mean and spread over the nodes, or over "
        "the seeds of runs that only differ in these. Tables are of single runs.",
        epilog="example: decentralizepy plot config_sweep -o figures --formats pdf",
    )
    parser.add_argument(
        "dir",
        metavar="DIR",
        type=Path,
        help="a folder of experiments, one experiment, or one machine's folder",
    )
    parser.add_argument(
        "centralized",
        metavar="CENTRALIZED",
        type=_truth,
        nargs="?",
        default=False,
        help="true: only the server, or node 0 of machine 0, has tested",
    )
    parser.add_argument(
        "-o", "--output", metavar="OUT", type=Path, help="where to write (default: DIR)"
    )
    parser.add_argument(
        "--formats",
        type=_formats,
        default=["png"],
        help="of png, svg and pdf, with commas between (default: png)",
    )
    return parser


def _truth(word: str) -> bool:
    if word.lower() in ("true", "1", "t", "y", "yes"):
        return True
    if word.lower() in ("false", "0", "f", "n", "no"):
        return False
    raise argparse.ArgumentTypeError(f"{word!r} is neither true nor false")


def _formats(words: str) -> list[str]:
    formats = [word.strip().lower() for word in words.split(",")]
    for word in formats:
        if word not in ("png", "svg", "pdf"):
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
