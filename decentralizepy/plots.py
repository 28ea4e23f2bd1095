"""Figures and tables of finished runs: mean over the nodes, and how far they spread."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from decentralizepy._drawing import (
    BANDS,
    COLOURS,
    draw_spread,
    drawn_apart,
    dress,
    figure,
    rendered,
)
from decentralizepy._runs import Run, read_run, read_runs
from decentralizepy.errors import ConfigError
from decentralizepy.files import write_atomic
from decentralizepy.progress import byte_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

    Spreads = dict[str, dict[str, DataFrame]]  # Run.label -> metric -> Run.spread()

_LABELS = {
    "train_loss": "training loss",
    "test_loss": "test loss",
    "test_acc": "test accuracy (%)",
    "total_bytes": "sent per node ({unit})",
}
_PANELS = (
    ("round", ("test_acc",)),
    ("round", ("train_loss", "test_loss")),
    ("round", ("total_bytes",)),
    ("seconds since the first round began", ("test_acc",)),
)
_HUES = {"test_acc": 0, "test_loss": 0, "train_loss": 1, "total_bytes": 2}
_INSIDE = 4  # runs whose legend does not hide their curves
_NODE_FIGURES = 128  # beyond them they would take more than a second


def main(argv: Sequence[str] | None = None) -> int:
    """Plot the runs below a folder, as ``plot.py DIR [CENTRALIZED]``.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; the process's own by default.

    Returns
    -------
    int
        The exit status: 0, or 2 after one line on standard error.
    """
    args = _parser().parse_args(argv)
    try:
        runs = read_runs(args.dir)
        if args.centralized:
            runs = [run.centralized() for run in runs]
        files = dict([*_tables(runs), *_figures(runs, args.formats)])
        out = args.output or args.dir
        out.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            write_atomic(out / name, content)
    except (ConfigError, OSError) as error:
        print(f"plot: {error}", file=sys.stderr)
        return 2
    print(f"{len(files)} figures and tables written to {out}")
    return 0


def draw_run(log_dir: Path | str) -> list[Path]:
    """Draw what the nodes of one machine measured, from the files in ``log_dir``.

    Writes ``results.png`` and, for up to 128 nodes (more would take over a second),
    upstream's ``<rank>_train_loss.png``.

    Returns
    -------
    list of Path
        What was written; empty if there are no results.

    Raises
    ------
    DataError
        If a results file holds something else.
    OSError
        If a file cannot be read or written.
    """
    folder = Path(log_dir)
    files = folder.glob("*_results.json*")
    run = read_run("/".join(folder.resolve().parts[-2:]), folder, files)
    contents = dict([*_overview(run), *_node_figures(run)])
    for name, content in contents.items():
        write_atomic(folder / name, content)
    return [folder / name for name in contents]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Plot finished runs: per round, mean and spread over the nodes."
    )
    parser.add_argument(
        "dir",
        metavar="DIR",
        type=Path,
        help="a folder of experiments, one experiment, or one machine's folder",
    )
    parser.add_argument(
        "centralized",
        metavar="CENTRALIZED",
        type=_truth,
        nargs="?",
        default=False,
        help="true: only the server, or node 0 of machine 0, has tested",
    )
    parser.add_argument(
        "-o", "--output", metavar="OUT", type=Path, help="where to write (default: DIR)"
    )
    parser.add_argument(
        "--formats",
        type=_formats,
        default=["png"],
        help="of png, svg and pdf, with commas between (default: png)",
    )
    return parser


def _truth(word: str) -> bool:
    if word.lower() in ("true", "1", "t", "y", "yes"):
        return True
    if word.lower() in ("false", "0", "f", "n", "no"):
        return False
    raise argparse.ArgumentTypeError(f"{word!r} is neither true nor false")


def _formats(words: str) -> list[str]:
    formats = [word.strip().lower() for word in words.split(",")]
    for word in formats:
        if word not in ("png", "svg", "pdf"):
            raise argparse.ArgumentTypeError(f"{word!r} is none of png, svg, pdf")
    return formats


def _tables(runs: Iterable[Run]) -> Iterator[tuple[str, bytes]]:
    for run in runs:
        sent = run.spread("total_bytes")["mean"]
        for metric in _LABELS:
            table = run.spread(metric)[["mean", "std", "nr_nodes"]]
            if metric != "total_bytes":
                table = table.assign(total_bytes=sent.reindex(table.index))
            if len(table):
                yield f"{metric}_{run.name}.csv", table.to_csv().encode()


def _figures(runs: list[Run], formats: list[str]) -> Iterator[tuple[str, bytes]]:
    for name, drawn in {**_curves(runs), **_bars(runs)}.items():
        for form in formats:
            yield f"{name}.{form}", rendered(drawn, form)


def _curves(runs: list[Run]) -> dict[str, Figure]:
    spreads = {run.label: {m: run.spread(m) for m in _LABELS} for run in runs}
    measured = [m for m in _LABELS if any(len(of[m]) for of in spreads.values())]
    figures = {m: _compared(spreads, m, by_bytes=False) for m in measured}
    if "total_bytes" in measured:
        for metric in measured[:-1]:
            figures[f"bytes_{metric}"] = _compared(spreads, metric, by_bytes=True)
    return figures


def _compared(spreads: Spreads, metric: str, by_bytes: bool) -> Figure:
    """Draw a metric of every run, by round or by the mean of bytes sent."""
    outside = len(spreads) > _INSIDE
    drawn = figure(7 + outside * _room(spreads), 4.3)
    axes = drawn.add_subplot()
    factor, unit = _unit(spreads.values())
    for number, (name, of) in enumerate(spreads.items()):
        spread, sent = of[metric], of["total_bytes"]["mean"] / factor
        x = sent.reindex(spread.index) if by_bytes else spread.index
        scale = factor if metric == "total_bytes" else 1
        draw_spread(axes, x, spread / scale, name, number)
    x_label = _LABELS["total_bytes"].format(unit=unit) if by_bytes else "round"
    dress(axes, x_label, _LABELS[metric].format(unit=unit))
    axes.set_title(BANDS, loc="left", fontsize=8, color="0.4")
    if outside:
        drawn.legend(loc="outside right upper", frameon=False, fontsize=8)
    else:
        axes.legend(frameon=False, fontsize=9)
    return drawn


def _room(names: Iterable[str]) -> float:
    """Return the inches that the longest name takes."""
    return 0.08 * max(map(len, names))


def _unit(spreads: Iterable[dict[str, DataFrame]]) -> tuple[float, str]:
    ends = [of["total_bytes"]["mean"].max() for of in spreads if len(of["total_bytes"])]
    return byte_unit(max(ends, default=0))


def _bars(runs: list[Run]) -> dict[str, Figure]:
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
    """Draw a horizontal bar per run, of what its nodes sent in total."""
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


def _overview(run: Run) -> Iterator[tuple[str, bytes]]:
    """Draw one run: accuracy and losses, and what they took in bytes and seconds."""
    spreads = {metric: run.spread(metric) for metric in (*_LABELS, "time")}
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
    title = f"{run.label}   nodes: {len(run.nodes)}   {BANDS}"
    drawn.suptitle(title, x=0.01, ha="left", fontsize=9, color="0.3")
    yield "results.png", rendered(drawn, dpi=150)


def _panel(
    axes: Axes, spreads: dict[str, DataFrame], x: str, metrics: list[str]
) -> None:
    factor, unit = _unit([spreads])
    for metric in metrics:
        spread = spreads[metric] / (factor if metric == "total_bytes" else 1)
        time = spreads["time"]["mean"]
        along = spread.index if x == "round" else time.reindex(spread.index)
        label = _LABELS[metric].format(unit=unit)
        draw_spread(axes, along, spread, label, _HUES[metric])
    dress(axes, x, label if len(metrics) == 1 else "loss")
    if len(metrics) > 1:
        axes.legend(frameon=False, fontsize=9)


def _node_figures(run: Run) -> Iterator[tuple[str, bytes]]:
    """Draw upstream's curve of each node."""
    losses = run.metric("train_loss")
    if 0 < len(losses.columns) <= _NODE_FIGURES:
        for node, picture in drawn_apart(losses, _LABELS["train_loss"]):
            yield f"{node}_train_loss.png", picture
