"""Figure that compares methods: accuracy by round and by bytes sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from decentralizepy.figures.style import (
    bands,
    draw_mean,
    draw_spread,
    dress,
    figure,
    log_axis,
    rendered,
)
from decentralizepy.monitor.units import byte_unit, span
from decentralizepy.results.methods import Method

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BANDED = 4  # more bands could not be told apart
_APART = 4  # factor between byte counts from which the axis is logarithmic


def draw(methods: Sequence[Method], form: str = "png") -> bytes:
    """Return a figure of accuracy by round and by bytes sent, as png, pdf or svg."""
    ends = [method.sent for method in methods]
    factor, unit = byte_unit(max(ends))
    drawn = figure(11, 4.3)
    by_round, by_bytes = drawn.subplots(1, 2, sharey=True)
    for number, method in enumerate(methods):
        _draw(by_round, by_bytes, method, number, factor, len(methods) <= _BANDED)
    dress(by_round, "round", "test accuracy (%)")
    dress(by_bytes, f"sent per node ({unit})", "test accuracy (%)")
    by_bytes.set_ylabel("")  # that of the other panel
    if max(ends) > _APART * min(ends) > 0:
        log_axis(by_bytes)
    by_round.set_title(_caption(methods), loc="left", fontsize=8, color="0.4")
    drawn.suptitle(_title(methods), x=0.01, ha="left", fontsize=10)
    handles, labels = by_round.get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside right upper", frameon=False, fontsize=8)
    return rendered(drawn, form)


def _draw(
    by_round: Axes,
    by_bytes: Axes,
    method: Method,
    number: int,
    factor: float,
    banded: bool,
) -> None:
    accuracy = method.spread("test_acc")
    sent = method.spread("total_bytes")["mean"].reindex(accuracy.index) / factor
    draw_method = draw_spread if banded else draw_mean
    draw_method(by_round, accuracy.index, accuracy, method.tested_label, number)
    draw_method(by_bytes, sent, accuracy, method.tested_label, number)


def _caption(methods: Sequence[Method]) -> str:
    if len(methods) > _BANDED:
        return "mean of nodes and seeds"
    return bands(methods)


def _title(methods: Sequence[Method]) -> str:
    """Return what was run: data sets, nodes and seeds."""
    data = {run.data for each in methods for run in each.runs} - {""}
    nodes = {len(run.nodes) for each in methods for run in each.runs}
    seeds = {len(each.runs) for each in methods}
    counts = [_range(nodes, "node"), _range(seeds, "seed")]
    return ", ".join([*sorted(data), *counts])


def _range(numbers: set[int], what: str) -> str:
    several = "s" if max(numbers) > 1 else ""
    return f"{span(min(numbers), max(numbers))} {what}{several}"
