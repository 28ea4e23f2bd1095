"""Figure that compares finished runs: accuracy by round and by bytes sent."""

from __future__ import annotations

from collections.abc import Sequence

from decentralizepy.figures.style import (
    bands,
    draw_mean,
    draw_spread,
    dress,
    figure,
    rendered,
)
from decentralizepy.monitor.units import byte_unit
from decentralizepy.results.read import Run

_BANDED = 4  # more bands could not be told apart
_APART = 4  # factor between byte counts from which the axis is logarithmic


def sent_per_node(run: Run) -> float:
    """Return the total bytes sent, averaged over nodes."""
    return run.total("total_bytes") / max(1, len(run.nodes))


def draw(runs: Sequence[Run]) -> bytes:
    """Return a PNG of accuracy by round and by bytes sent."""
    ends = [sent_per_node(run) for run in runs]
    factor, unit = byte_unit(max(ends))
    drawn = figure(11, 4.3)
    by_round, by_bytes = drawn.subplots(1, 2)
    draw_run = draw_spread if len(runs) <= _BANDED else draw_mean
    for number, run in enumerate(runs):
        accuracy = run.spread("test_acc")
        sent = run.spread("total_bytes")["mean"].reindex(accuracy.index) / factor
        draw_run(by_round, accuracy.index, accuracy, run.tested_label, number)
        draw_run(by_bytes, sent, accuracy, run.tested_label, number)
    dress(by_round, "round", "test accuracy (%)")
    dress(by_bytes, f"sent per node ({unit})", "test accuracy (%)")
    title = bands(runs) if draw_run is draw_spread else "mean of nodes"
    by_round.set_title(title, loc="left", fontsize=8, color="0.4")
    if max(ends) > _APART * min(ends) > 0:
        by_bytes.set_xscale("log")
        by_bytes.autoscale(axis="x")
    handles, labels = by_round.get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside right upper", frameon=False, fontsize=8)
    return rendered(drawn)
