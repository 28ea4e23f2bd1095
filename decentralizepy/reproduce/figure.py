"""The figure of a reproduced study: curves of its methods, and its claims."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from decentralizepy.figures.style import (
    draw_mean,
    draw_spread,
    dress,
    figure as empty,
    rendered,
)
from decentralizepy.reproduce.judge import FAILS, HOLDS, OPEN, Verdict
from decentralizepy.reproduce.measures import MEASURES
from decentralizepy.results.methods import Method

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_BANDED = 4  # more bands could not be told apart
_COLOURS = {HOLDS: "#009E73", FAILS: "#D55E00", OPEN: "0.45"}
_CURVES, _ROW, _MARGIN = 3.4, 0.32, 0.9  # heights in inches
_WIDTH, _WIDE = 9.0, 46  # inches, and characters of a claim per line


def draw(
    heading: str,
    methods: Sequence[Method],
    verdicts: Sequence[Verdict],
    form: str = "png",
) -> bytes:
    """Return the figure, as png or pdf.

    Above, accuracy by round, with a panel for each value of the grid. Below, each claim
    with its difference, its 95 % interval, and where it should lie.
    """
    groups = _grouped(methods)
    units = _by_unit(verdicts)
    rows = [_ROW * len(found) + _MARGIN for found in units.values()]
    width = max(_WIDTH, 3.6 * len(groups))
    drawn = empty(width, _CURVES + sum(rows))
    heights = [_CURVES, *rows]
    parts = drawn.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[
        :, 0
    ]
    _draw_curves(parts[0], groups)
    for part, (unit, found) in zip(parts[1:], units.items(), strict=True):
        _draw_claims(part.add_subplot(), unit, found, int(_WIDE * width / _WIDTH))
    title = f"{heading}\n{what_was_run(methods)}"
    drawn.suptitle(title, x=0.01, ha="left", fontsize=10)
    return rendered(drawn, form, 120)


def what_was_run(methods: Iterable[Method]) -> str:
    """Return the data set, whether it is real, and the numbers of nodes and seeds."""
    runs = [run for method in methods for run in method.runs]
    data = sorted({run.data for run in runs})
    told = [each if each.endswith(")") else f"{each} (real data)" for each in data]
    nodes = sorted({sum(n[:1] != "-" for n in run.nodes) for run in runs})
    seeds = sorted({len(method.runs) for method in methods})
    counts = [" or ".join(map(str, each)) for each in (nodes, seeds)]
    return f"{', '.join(told)}, {counts[0]} nodes, {counts[1]} seeds"


def _grouped(methods: Iterable[Method]) -> dict[str, list[Method]]:
    """Return the methods for each value of the grid, without it in their names."""
    groups: dict[str, list[Method]] = {}
    for method in methods:
        name, _, value = method.name.partition(",")
        groups.setdefault(value, []).append(replace(method, name=name))
    return groups


def _draw_curves(
    part: Figure | SubFigure, groups: Mapping[str, Sequence[Method]]
) -> None:
    panels = part.subplots(1, len(groups), sharey=True, squeeze=False)[0]
    names = dict.fromkeys(one.name for methods in groups.values() for one in methods)
    styles = {name: number for number, name in enumerate(names)}
    banded = len(styles) <= _BANDED
    draw_method = draw_spread if banded else draw_mean
    for axes, (value, methods) in zip(panels, groups.items(), strict=True):
        for method in methods:
            accuracy, style = method.spread("test_acc"), styles[method.name]
            draw_method(axes, accuracy.index, accuracy, method.name, style)
        dress(axes, "round", "" if axes is not panels[0] else "test accuracy (%)")
        band = ", band: 95 % interval over seeds" if banded else ""
        title = value or f"mean of nodes and seeds{band}"
        axes.set_title(title, loc="left", fontsize=8, color="0.4")
    # the first panel has all methods
    handles, labels = panels[0].get_legend_handles_labels()
    part.legend(handles, labels, loc="outside right upper", frameon=False, fontsize=8)


def _by_unit(verdicts: Iterable[Verdict]) -> dict[str, list[Verdict]]:
    units: dict[str, list[Verdict]] = {}
    for each in verdicts:
        units.setdefault(MEASURES[each.claim.measure].unit, []).append(each)
    return units


def _draw_claims(
    axes: Axes, unit: str, verdicts: Sequence[Verdict], characters: int
) -> None:
    """Draw a row per claim: the interval, over where it should lie."""
    ends = [end for each in verdicts for end in _ends(each)]
    low, high = min(ends), max(ends)
    room = 0.05 * (high - low or 1)
    for row, each in enumerate(verdicts):
        left, right = max(each.claim.low, low - room), min(each.claim.high, high + room)
        axes.barh(row, right - left, 0.8, left, color="#009E73", alpha=0.12)
        colour = _COLOURS[each.word]
        half = 0 if math.isnan(each.half) else each.half
        axes.errorbar(each.mean, row, xerr=half, fmt="o", ms=4, capsize=3, color=colour)
        told = f"{each.word}: {each.measured}"
        axes.annotate(
            told,
            (1.01, row),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=7,
            color=colour,
        )
    names = [
        textwrap.fill(each.claim.says, characters, break_on_hyphens=False)
        for each in verdicts
    ]
    axes.set_yticks(range(len(verdicts)), names, fontsize=7)
    axes.set_ylim(len(verdicts) - 0.5, -0.5)  # the first claim on top
    axes.set_xlim(low - room, high + room)
    axes.axvline(0, color="0.6", lw=0.8, zorder=0)
    label = f"difference ({unit}), 95 % interval over seeds; green: where it should lie"
    axes.set_xlabel(label, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _ends(verdict: Verdict) -> list[float]:
    """Return what has to be on the axis: the interval, 0, and the bounds of the claim."""
    half = 0 if math.isnan(verdict.half) else verdict.half
    ends = [0.0, verdict.mean - half, verdict.mean + half]
    ends += [verdict.claim.low, verdict.claim.high]
    return [end for end in ends if math.isfinite(end)]
