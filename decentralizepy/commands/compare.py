"""Finished runs side by side: what accuracy they reached, and with how many bytes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from decentralizepy.errors import ConfigError
from decentralizepy.figures.style import (
    BANDS,
    draw_mean,
    draw_spread,
    dress,
    figure,
    rendered,
)
from decentralizepy.files import write_atomic
from decentralizepy.monitor.units import byte_unit
from decentralizepy.results.read import Run, read_runs

if TYPE_CHECKING:
    from rich.table import Table

_BANDED = 4  # runs whose bands can be told apart
_APART = 4  # times as many bytes; nearer ones need no logarithm


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
    """Return a row a run: final accuracy over nodes, bytes, and bytes over the first's."""
    from rich.table import Table

    rows = Table("run", "accuracy (%)", "± std", "min", "sent per node", "of the first")
    for column in rows.columns[1:]:
        column.justify = "right"
    base = sent_per_node(runs[0])
    for run in runs:
        accuracy, sent = run.spread("test_acc"), sent_per_node(run)
        factor, unit = byte_unit(sent)
        last = accuracy.iloc[-1] if len(accuracy) else None
        figures = [] if last is None else [last["mean"], last["std"], last["low"]]
        rows.add_row(
            run.label,
            *([f"{value:.1f}" for value in figures] or ["-"] * 3),
            f"{sent / factor:.2f} {unit}",
            f"{100 * sent / base:.1f}%" if base else "-",
        )
    return rows


def sent_per_node(run: Run) -> float:
    """Return the mean over nodes of the bytes sent until the end."""
    return run.total("total_bytes") / max(1, len(run.nodes))


def draw(runs: Sequence[Run]) -> bytes:
    """Return a PNG: accuracy by round, and by bytes sent."""
    ends = [sent_per_node(run) for run in runs]
    factor, unit = byte_unit(max(ends))
    drawn = figure(11, 4.3)
    by_round, by_bytes = drawn.subplots(1, 2)
    draw_run = draw_spread if len(runs) <= _BANDED else draw_mean
    for number, run in enumerate(runs):
        accuracy = run.spread("test_acc")
        sent = run.spread("total_bytes")["mean"].reindex(accuracy.index) / factor
        draw_run(by_round, accuracy.index, accuracy, run.label, number)
        draw_run(by_bytes, sent, accuracy, run.label, number)
    dress(by_round, "round", "test accuracy (%)")
    dress(by_bytes, f"sent per node ({unit})", "test accuracy (%)")
    title = BANDS if draw_run is draw_spread else "mean of nodes"
    by_round.set_title(title, loc="left", fontsize=8, color="0.4")
    if max(ends) > _APART * min(ends) > 0:
        by_bytes.set_xscale("log")
        by_bytes.autoscale(axis="x")
    handles, labels = by_round.get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside right upper", frameon=False, fontsize=8)
    return rendered(drawn)
