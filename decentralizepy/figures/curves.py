"""Figures and tables of finished runs: mean and spread over the nodes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from decentralizepy.figures.style import (
    COLOURS,
    TITLES,
    add_legend,
    bands,
    draw_spread,
    dress,
    figure,
)
from decentralizepy.monitor.units import byte_unit
from decentralizepy.results.methods import Method
from decentralizepy.results.read import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

    Spreads = dict[str, dict[str, DataFrame]]  # Run.label -> metric -> Run.spread()

LABELS = {
    **{metric: TITLES[metric] for metric in ("train_loss", "test_loss", "test_acc")},
    "total_bytes": f"{TITLES['total_bytes']} ({{unit}})",
}
VIRTUAL = "virtual_time"
X_LABELS = {"total_bytes": LABELS["total_bytes"], VIRTUAL: "virtual time (s)"}
_INSIDE = 4  # with more runs, the legend would hide the curves


def curves(runs: Sequence[Run | Method]) -> dict[str, Figure]:
    """Return figures of each metric with a line per run or method.

    They are by round, by bytes and, if a network was emulated, by virtual time.

    Returns
    -------
    dict
        The figures, by the names of their files.
    """
    metrics = (*LABELS, VIRTUAL)
    spreads = {run.label: {m: run.spread(m) for m in metrics} for run in runs}
    measured = [m for m in LABELS if any(len(of[m]) for of in spreads.values())]
    tested = {run.label: run.tested_label for run in runs}
    names = {m: tested if m.startswith("test_") else {} for m in LABELS}
    title = bands(runs)
    figures = {m: _compared(spreads, m, names[m], title) for m in measured}
    if "total_bytes" in measured:
        for m in measured[:-1]:
            figures[f"bytes_{m}"] = _compared(
                spreads, m, names[m], title, "total_bytes"
            )
    if any(len(of[VIRTUAL]) for of in spreads.values()):
        for m in measured:
            figures[f"{VIRTUAL}_{m}"] = _compared(spreads, m, names[m], title, VIRTUAL)
    return figures


def _compared(
    spreads: Spreads,
    metric: str,
    names: dict[str, str],
    title: str,
    along: str = "",
) -> Figure:
    """Draw a metric of every run, by round or along the mean of another metric.

    ``names`` are those of runs that are not called by their labels.
    """
    outside = len(spreads) > _INSIDE
    drawn = figure(7 + outside * _room([*spreads, *names.values()]), 4.3)
    axes = drawn.add_subplot()
    factor, unit = unit_of(spreads.values())
    for number, (name, of) in enumerate(spreads.items()):
        spread = of[metric]
        x = of[along]["mean"].reindex(spread.index) if along else spread.index
        x = x / factor if along == "total_bytes" else x
        scale = factor if metric == "total_bytes" else 1
        draw_spread(axes, x, spread / scale, names.get(name, name), number)
    x_label = X_LABELS.get(along, "round").format(unit=unit)
    dress(axes, x_label, LABELS[metric].format(unit=unit))
    axes.set_title(title, loc="left", fontsize=8, color="0.4")
    add_legend(drawn, axes, outside)
    return drawn


def _room(names: Iterable[str]) -> float:
    """Return the width of the longest name, in inches."""
    return 0.08 * max(map(len, names))


def unit_of(spreads: Iterable[dict[str, DataFrame]]) -> tuple[float, str]:
    ends = [of["total_bytes"]["mean"].max() for of in spreads if len(of["total_bytes"])]
    return byte_unit(max(ends, default=0))


def bars(runs: Sequence[Run | Method]) -> dict[str, Figure]:
    """Return figures of the bytes sent, with a bar per run or method."""
    names = [run.label for run in runs]
    sent, data, meta = (
        [run.total(counter) for run in runs]
        for counter in ("total_bytes", "total_data_per_n", "total_meta")
    )
    figures = {}
    if any(sent):
        figures["data_shared"] = _stacked(names, {"sent": sent})
    if any(data) or any(meta):
        kinds = {"parameters": data, "metadata": meta}
        figures["parameters_metadata"] = _stacked(names, kinds)
    return figures


def _stacked(names: list[str], kinds: dict[str, list[float]]) -> Figure:
    """Draw a horizontal bar per run with the total bytes sent by its nodes."""
    drawn = figure(6 + _room(names), 1.3 + 0.4 * len(names))
    axes = drawn.add_subplot()
    ends = [0.0] * len(names)
    factor, unit = byte_unit(max(map(sum, zip(*kinds.values(), strict=True))))
    for number, (kind, counts) in enumerate(kinds.items()):
        widths = [count / factor for count in counts]
        axes.barh(names, widths, 0.6, ends, color=COLOURS[number], label=kind)
        ends = [end + width for end, width in zip(ends, widths, strict=True)]
    for row, (end, width) in enumerate(zip(ends, widths, strict=True)):
        share = f", {100 * width / end:.2g}% {kind}" if end and len(kinds) > 1 else ""
        text = f" {end:.4g} {unit}{share}"
        axes.annotate(text, (end, row), va="center", fontsize=8)
    dress(axes, f"sent by all nodes together ({unit})", "")
    axes.set_xlim(right=max(ends) * (1.5 if len(kinds) > 1 else 1.25))
    axes.set_ylim(len(names) - 0.5, -0.5)  # the first run on top
    axes.grid(visible=False, axis="y")
    if len(kinds) > 1:
        drawn.legend(loc="outside upper right", ncols=2, frameon=False, fontsize=8)
    return drawn
