"""Figure of the samples of each node, and their labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from decentralizepy.figures.style import COLOURS, dress, figure, rendered

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Counts = npt.NDArray[np.int64]
_ROWS = 62  # classes with a row of their own; beyond them, rare ones share the last row


@dataclass(frozen=True)
class Census:
    """The data of the nodes of an experiment.

    Attributes
    ----------
    name : str
        Name of the data set.
    samples, tests : array of shape (nodes,)
        Number of training and of test samples.
    labels : array of shape (nodes, classes), or None
        Training samples by label; None if labels are not integers.
    remarks : sequence of str
        Other remarks on the data.
    """

    name: str
    samples: Counts
    tests: Counts
    labels: Counts | None
    remarks: Sequence[str] = ()


def draw(census: Census) -> bytes:
    """Return a PNG with the samples of each node and, below, their labels.

    The area of a circle is proportional to a node's number of samples of a class.
    """
    nodes = len(census.samples)
    labels = {} if census.labels is None else frequent(census.labels)
    rows = len(labels)
    width, height = float(np.clip(0.3 * nodes, 4, 14)), min(0.3 * rows, 10)
    drawn = figure(1 + width, 1.8 + height)
    ratios = [1, height] if rows else [1]
    panels = drawn.subplots(
        len(ratios), 1, sharex=True, squeeze=False, height_ratios=ratios
    )
    top = panels[0, 0]
    top.bar(range(nodes), census.samples, 0.8, color=COLOURS[5])
    dress(top, "" if rows else "node", "samples")
    top.grid(visible=False, axis="x")
    top.set_xlim(-0.6, nodes - 0.4)
    top.locator_params(axis="x", integer=True)
    top.set_title(census.name, loc="left", fontsize=9, color="0.3")
    if rows:
        _draw_labels(panels[1, 0], labels, width / nodes < height / rows)
    return rendered(drawn)


def _draw_labels(axes: Axes, labels: dict[str, Counts], narrow: bool) -> None:
    """Draw a row of circles for each class, scaled to the cell width if ``narrow``."""
    from matplotlib.collections import EllipseCollection

    counts = np.array(list(labels.values()))
    row, node = np.nonzero(counts)
    shares = counts[row, node] / counts.max(initial=1)
    sizes = np.maximum(0.95 * np.sqrt(shares), 0.1)  # keep a single sample visible
    circles = EllipseCollection(
        sizes,
        sizes,
        np.zeros(len(sizes)),
        units="x" if narrow else "y",
        offsets=np.column_stack([node, row]),
        offset_transform=axes.transData,
        facecolor=COLOURS[0],
    )
    axes.add_collection(circles)
    axes.set(xlabel="node", ylabel="class", ylim=(len(labels) - 0.4, -0.6))
    axes.set_yticks(range(len(labels)), labels, fontsize=9 if len(labels) < 30 else 7)
    axes.tick_params(length=0)
    axes.grid(color="0.93", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    text = f"largest circle: {counts.max(initial=0):,} samples"
    axes.set_title(text, loc="left", fontsize=8, color="0.4")


def frequent(labels: Counts) -> dict[str, Counts]:
    """Return the counts by node and class, with rare classes merged if there are many."""
    totals = labels.sum(axis=0)
    if len(totals) <= _ROWS:
        return {str(number): labels[:, number] for number in range(len(totals))}
    order = np.argsort(-totals, kind="stable")
    first, rest = np.sort(order[: _ROWS - 1]), order[_ROWS - 1 :]
    drawn = {str(number): labels[:, number] for number in first}
    return {**drawn, "other": labels[:, rest].sum(axis=1)}
