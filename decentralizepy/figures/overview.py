"""Figure of one run: accuracy and losses by round, bytes and seconds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from decentralizepy.figures.curves import LABELS, unit_of
from decentralizepy.figures.style import (
    bands,
    draw_spread,
    drawn_apart,
    dress,
    figure,
    rendered,
)
from decentralizepy.files import write_atomic
from decentralizepy.results.labels import what_was_run
from decentralizepy.results.layout import result_files
from decentralizepy.results.read import Run, read_run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

_PANELS = (
    ("round", ("test_acc",)),
    ("round", ("train_loss", "test_loss")),
    ("round", ("total_bytes",)),
    ("seconds since the first round began", ("test_acc",)),
)
_HUES = {"test_acc": 0, "test_loss": 0, "train_loss": 1, "total_bytes": 2}
_NODE_FIGURES = 128  # more would take over a second


def draw_run(log_dir: Path | str, parts: Sequence[Path] = ()) -> list[Path]:
    """Draw the results of one machine's nodes, from the files in ``log_dir``.

    Writes ``results.png`` and, for up to 128 nodes (more would take over a second),
    upstream's ``<rank>_train_loss.png``.

    Parameters
    ----------
    log_dir
    parts
        The folders of all machines, in ``log_dir``, to draw their nodes together; then,
        only ``results.png`` is written.

    Returns
    -------
    list of Path
        The files written; empty if there are no results.

    Raises
    ------
    DataError
        If a results file is invalid.
    OSError
        If a file cannot be read or written.
    """
    folder = Path(log_dir)
    name = "/".join(folder.resolve().parts[-2:])
    files = [file for each in parts or [folder] for file in result_files(each)]
    run = read_run(name, folder, files)
    what = what_was_run([*parts, folder][0])
    title = ", ".join(filter(None, (run.data, what))) if what else run.label
    apart = () if parts else _node_figures(run, title)
    contents = dict([*_overview(run, title), *apart])
    for name, content in contents.items():
        write_atomic(folder / name, content)
    return [folder / name for name in contents]


def _overview(run: Run, title: str) -> Iterator[tuple[str, bytes]]:
    """Draw one run: accuracy and losses by round, bytes and seconds."""
    spreads = {metric: run.spread(metric) for metric in (*LABELS, "time")}
    panels = [
        (x, found)
        for x, metrics in _PANELS
        if (found := [m for m in metrics if len(spreads[m])])
        and (x == "round" or len(spreads["time"]))
    ]
    if not panels:
        return
    columns, rows = min(len(panels), 2), math.ceil(len(panels) / 2)
    drawn = figure(5 * columns, 0.6 + 3.3 * rows)
    for place, (x, metrics) in enumerate(panels, 1):
        _panel(drawn.add_subplot(rows, columns, place), spreads, x, metrics)
    tested = f"   tested: {what}" if (what := run.one_model or run.sample) else ""
    title = f"{title}   nodes: {len(run.nodes)}{tested}   {bands([run])}"
    drawn.suptitle(title, x=0.01, ha="left", fontsize=9, color="0.3")
    yield "results.png", rendered(drawn, dpi=150)


def _panel(
    axes: Axes, spreads: dict[str, DataFrame], x: str, metrics: list[str]
) -> None:
    factor, unit = unit_of([spreads])
    for metric in metrics:
        spread = spreads[metric] / (factor if metric == "total_bytes" else 1)
        time = spreads["time"]["mean"]
        along = spread.index if x == "round" else time.reindex(spread.index)
        label = LABELS[metric].format(unit=unit)
        draw_spread(axes, along, spread, label, _HUES[metric])
    dress(axes, x, label if len(metrics) == 1 else "loss")
    if len(metrics) > 1:
        axes.legend(frameon=False, fontsize=9)


def _node_figures(run: Run, title: str) -> Iterator[tuple[str, bytes]]:
    """Draw upstream's training loss curve of each node."""
    losses = run.metric("train_loss")
    if 0 < len(losses.columns) <= _NODE_FIGURES:
        heading = f"node {{}}   {title}"
        for node, picture in drawn_apart(losses, LABELS["train_loss"], heading):
            yield f"{node}_train_loss.png", picture
