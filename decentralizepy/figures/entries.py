"""Plotting one value per model entry, for any number of entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from decentralizepy.figures.style import COLOURS, Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_POINTS = 400  # along an axis; more would only blur
_NAMED = 0.06  # fraction of the axis; names of narrower tensors would overlap


def entries(shapes: Mapping[str, Sequence[int]]) -> int:
    """Return the number of entries in tensors of these shapes."""
    return sum(prod(shape) for shape in shapes.values())


def draw_entries(axes: Axes, values: Array) -> None:
    """Draw values by entry; if there are many, the mean and range of adjacent ones."""
    size = len(values)
    starts = np.linspace(0, size, min(_POINTS, size), endpoint=False).astype(int)
    ends = np.append(starts[1:], size)
    low, high = (f.reduceat(values, starts) for f in (np.minimum, np.maximum))
    mean = np.add.reduceat(values, starts) / (ends - starts)
    x, colour = (starts + ends - 1) / 2, COLOURS[0]
    axes.fill_between(x, low, high, color=colour, alpha=0.22, linewidth=0)
    axes.plot(x, mean, color=colour, lw=0.8)
    if size > _POINTS:
        title = (
            f"line: mean of {size / _POINTS:.0f} entries in a row   band: min to max"
        )
        axes.set_title(title, loc="left", fontsize=8, color="0.4")


def mark_tensors(axes: Axes, shapes: Mapping[str, Sequence[int]]) -> None:
    """Mark where each tensor of the model begins, and label the large ones."""
    total, start = entries(shapes), 0
    for name, shape in shapes.items():
        end = start + prod(shape)
        if start:
            axes.axvline(start - 0.5, color="0.6", lw=0.6, zorder=0)
        if end - start > _NAMED * total:
            axes.annotate(
                name,
                ((start + end) / 2, 0.98),
                xycoords=("data", "axes fraction"),
                ha="center",
                va="top",
                fontsize=7,
                color="0.4",
            )
        start = end
