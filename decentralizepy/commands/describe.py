"""Who has which data: a table, and a picture of the labels over the nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from decentralizepy import factory, utils
from decentralizepy.config import checks, ini
from decentralizepy.datasets.generated import is_generated
from decentralizepy.errors import ConfigError
from decentralizepy.figures.style import COLOURS, dress, figure, rendered
from decentralizepy.files import write_atomic
from decentralizepy.mappings.Linear import Linear
from decentralizepy.mappings.Mapping import Mapping
from decentralizepy.run.experiment import make_mapping

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from rich.table import Table

Counts = npt.NDArray[np.int64]
_ROWS = 62  # classes that are drawn apart; of more, the rare ones share the last row


@dataclass(frozen=True)
class Census:
    """What the nodes of an experiment hold.

    Attributes
    ----------
    name : str
        Of the data set.
    samples, tests : array of shape (nodes,)
        Samples to train on and to test on.
    labels : array of shape (nodes, classes), or None
        Samples to train on, by label; None where labels are no whole numbers.
    """

    name: str
    samples: Counts
    tests: Counts
    labels: Counts | None


def main(path: str, nodes: int | None, output: Path) -> int:
    """Print and draw what the nodes of an INI file hold; return the exit status."""
    from rich.console import Console

    settings = read_config(path)
    found = take(settings["DATASET"], make_nodes(settings, path, nodes))
    write_atomic(output, draw(found))
    Console().print(table(found))
    print(f"{output} written")
    return 0


def read_config(path: str) -> dict[str, dict[str, Any]]:
    """Return what an INI file holds, after the checks that a run makes."""
    settings = ini.read(path)
    checks.check(settings, path)
    return settings


def make_nodes(
    settings: dict[str, dict[str, Any]], path: str, nodes: int | None = None
) -> Mapping:
    """Return the mapping of ``nodes`` on a machine, or of the INI file's own."""
    if nodes is None:
        args = utils.get_args(["--config_file", path], settings.get("RUN"))
        return make_mapping(settings.get("MAPPING", {}), args, None)
    if nodes < 1:
        raise ConfigError(f"--nodes {nodes}: expected at least 1")
    return Linear(1, nodes)


def take(section: dict[str, Any], mapping: Mapping) -> Census:
    """Make every node's data set in this process, and count.

    Raises
    ------
    ConfigError
        For what a run would raise before it starts.
    """
    dataset_class, options = factory.unpack(section, "dataset")
    dataset_class.prepare(**options)
    samples, tests, labels = [], [], []
    for uid in range(mapping.get_n_procs()):
        dataset = dataset_class(*mapping.get_machine_and_rank(uid), mapping, **options)
        samples.append(_count(dataset.get_trainset))
        tests.append(_count(dataset.get_testset))
        labels.append(_labels(dataset))
    folders = [options.get(key) for key in ("train_dir", "test_dir")]
    generated = any(folder and is_generated(Path(folder)) for folder in folders)
    return Census(
        dataset_class.__name__ + generated * " (generated)",
        np.array(samples),
        np.array(tests),
        _stacked(labels),
    )


def table(census: Census) -> Table:
    """Return what a census comes down to, a row each."""
    from rich.table import Table

    rows = Table(title=census.name, title_justify="left", show_header=False)
    rows.add_column(style="dim")
    rows.add_column()
    rows.add_row("nodes", f"{len(census.samples):,}")
    rows.add_row("training samples", f"{census.samples.sum():,}")
    rows.add_row("of a node", _range(census.samples))
    if census.labels is not None:
        held = census.labels > 0
        rows.add_row("classes", f"{held.any(axis=0).sum()} of {held.shape[1]}")
        rows.add_row("of a node", _range(held.sum(axis=1)))
    rows.add_row("test samples of a node", _range(census.tests))
    return rows


def draw(census: Census) -> bytes:
    """Return a PNG: the samples of each node, and below them their labels.

    The area of a circle is proportional to the number of a node's samples of a class.
    """
    nodes = len(census.samples)
    labels = {} if census.labels is None else _frequent(census.labels)
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
    """Draw a row of circles for each class, as wide as a cell if that is ``narrow``."""
    from matplotlib.collections import EllipseCollection

    counts = np.array(list(labels.values()))
    row, node = np.nonzero(counts)
    shares = counts[row, node] / counts.max(initial=1)
    sizes = np.maximum(0.95 * np.sqrt(shares), 0.1)  # a single sample is to be seen
    circles = EllipseCollection(
        *(sizes, sizes, np.zeros(len(sizes))),
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
    text = f"the largest circle: {counts.max(initial=0):,} samples"
    axes.set_title(text, loc="left", fontsize=8, color="0.4")


def _frequent(labels: Counts) -> dict[str, Counts]:
    """Return the counts over nodes by class; rare ones together if there are too many."""
    totals = labels.sum(axis=0)
    if len(totals) <= _ROWS:
        return {str(number): labels[:, number] for number in range(len(totals))}
    order = np.argsort(-totals, kind="stable")
    first, rest = np.sort(order[: _ROWS - 1]), order[_ROWS - 1 :]
    drawn = {str(number): labels[:, number] for number in first}
    return {**drawn, "other": labels[:, rest].sum(axis=1)}


def _count(get_set: Callable[[], Any]) -> int:
    try:
        return len(get_set().dataset)
    except RuntimeError:  # there is none
        return 0


def _labels(dataset: Any) -> list[int] | None:
    try:
        counts: list[int] = dataset.get_label_distribution()
    except (RuntimeError, TypeError):  # no part to train on; labels like 0.5
        return None
    return counts


def _stacked(rows: Sequence[list[int] | None]) -> Counts | None:
    filled = [row for row in rows if row is not None]
    if len(filled) < len(rows):
        return None
    counts = np.zeros((len(rows), max(map(len, filled))), np.int64)
    for number, row in enumerate(filled):
        counts[number, : len(row)] = row
    return counts


def _range(values: Counts) -> str:
    low, high = values.min(), values.max()
    if low == high:
        return f"{low:,}"
    return f"{low:,} to {high:,}, mean {values.mean():,.1f}"
