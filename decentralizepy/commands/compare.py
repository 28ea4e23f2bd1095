"""``decentralizepy compare``: final accuracy and bytes of finished runs, side by side."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from decentralizepy.errors import ConfigError
from decentralizepy.figures.comparison import draw, sent_per_node
from decentralizepy.files import write_atomic
from decentralizepy.monitor.units import byte_unit
from decentralizepy.results.read import Run, read_runs

if TYPE_CHECKING:
    from rich.table import Table


def main(argv: Sequence[str] | None = None) -> int:
    """Print a table of runs and draw them, as ``decentralizepy compare RUN ...``.

    Returns
    -------
    int
        The exit status: 0, or 2 after one line on standard error.
    """
    from rich.console import Console

    parser = argparse.ArgumentParser(prog="decentralizepy compare", description=__doc__)
    parser.add_argument("runs", metavar="RUN", type=Path, nargs="+", help="log folders")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("compare.png"), help="the picture"
    )
    args = parser.parse_args(argv)
    try:
        runs = [run for folder in args.runs for run in read_runs(folder)]
        write_atomic(args.output, draw(runs))
    except (ConfigError, OSError) as error:
        print(f"compare: {error}", file=sys.stderr)
        return 2
    Console().print(table(runs))
    print(f"{args.output} written")
    return 0


def table(runs: Sequence[Run]) -> Table:
    """Return one row per run: final accuracy, bytes, and bytes relative to the first.

    The accuracy of the nodes' own models (mean, spread and worst) has separate columns
    from that of a single model: the mean of the nodes' models, or a parameter server's.
    ``distance`` is the consensus distance: how far the nodes' models are from their mean;
    ``sent`` is the mean over nodes.
    """
    from rich.table import Table

    rows = Table("run", "nodes (%)", "± std", "worst", "mean model (%)", "distance")
    rows.columns[0].overflow = "fold"  # a name is not to be cut short
    rows.add_column("sent", no_wrap=True)
    rows.add_column("of the first")
    for column in rows.columns[1:]:
        column.justify = "right"
    base = sent_per_node(runs[0])
    for run in runs:
        sent = sent_per_node(run)
        factor, unit = byte_unit(sent)
        share = f"{100 * sent / base:.1f}%" if base else "-"
        rows.add_row(
            run.label,
            *_final(run),
            _shown(run.mean_model, 1),
            _shown(run.distance, 2),
            f"{sent / factor:.2f} {unit}",
            share,
        )
    return rows


def _shown(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _final(run: Run) -> list[str]:
    """Return mean, standard deviation and minimum over nodes of the last accuracy."""
    accuracy = run.spread("test_acc")
    if run.one_model or not len(accuracy):
        return ["-"] * 3
    last = accuracy.iloc[-1]
    mean, *others = (f"{last[column]:.1f}" for column in ("mean", "std", "low"))
    return [f"{mean} ({run.sample})" if run.sample else mean, *others]
