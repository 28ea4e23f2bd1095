"""Figures of how much the entries of a node's model change, round by round."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from decentralizepy.errors import DataError
from decentralizepy.figures.entries import draw_entries
from decentralizepy.figures.inputs import check_folder, numbered, read_json, vector
from decentralizepy.figures.script import Files, run
from decentralizepy.figures.style import COLOURS, Array, figure, rendered

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DEPTH = 1e5  # relative to the largest; smaller values are not distinguished
_KEPT = 99  # percent of the ratios; the largest belong to values near zero


def main(argv: Sequence[str] | None = None) -> int:
    """Draw how a node's model changes, as ``plot_model.py LOGDIR RANK``.

    For each ``LOGDIR/model_change/<rank>/<round>.json`` and
    ``LOGDIR/model_val/<rank>/<round>.json``, draws the values by entry and by magnitude
    to ``LOGDIR/plots/<rank>/change_<round>.png`` and ``value_<round>.png``. If a round
    has both files, ``LOGDIR/plots_ratio/<rank>/<round>.png`` shows the change over the
    value.

    Returns
    -------
    int
        The exit status: 0, or 2 after one line on standard error.
    """
    parser = ArgumentParser(
        prog="plot_model",
        description="Draw how entries changed in each round (save_accumulated = true).",
    )
    parser.add_argument(
        "logdir", metavar="LOGDIR", type=Path, help="one machine's log folder"
    )
    parser.add_argument("rank", metavar="RANK", type=int, help="of a node in it")
    return run(parser, _draw, argv)


def ratios(changes: Array, values: Array) -> Array:
    """Return ``|change / value|``, without the largest 1 %.

    These, and the entries whose value is zero, are nan.
    """
    found: Array = np.full(len(values), np.nan)
    sound = np.isfinite(changes) & np.isfinite(values) & (values != 0)
    if sound.any():
        found[sound] = np.abs(changes[sound] / values[sound])
        limit = np.nanpercentile(found, _KEPT, method="lower")
        found[found > limit] = np.nan
    return found


def draw(values: Array, name: str, title: str) -> Figure:
    """Draw values by entry, and their magnitudes in descending order."""
    drawn = figure(10, 3.8)
    by_entry, by_size = drawn.subplots(1, 2)
    draw_entries(by_entry, np.where(np.isfinite(values), values, 0))
    by_entry.axhline(0, color="0.6", lw=0.6, zorder=0)
    _dress(by_entry, "entry", name)
    by_entry.set_xlim(-0.5, len(values) - 0.5)
    falling = np.sort(np.abs(values[np.isfinite(values) & (values != 0)]))[::-1]
    share = 100 * np.arange(1, len(falling) + 1) / len(values)
    by_size.plot(share, falling, color=COLOURS[0], lw=1.6)
    _dress(by_size, "entries, the largest first (%)", f"|{name.strip('|')}|")
    by_size.set_xlim(0, 100)
    if len(falling):
        by_size.set_yscale("log")
        by_size.set_ylim(max(falling[-1], falling[0] / _DEPTH) / 2, 2 * falling[0])
    drawn.suptitle(title, x=0.01, ha="left", fontsize=9, color="0.3")
    return drawn


def _dress(axes: Axes, x_label: str, y_label: str) -> None:
    """Label the axes; unlike for counters, negative values are shown."""
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.grid(color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _draw(args: Namespace) -> Files:
    check_folder(args.logdir)
    rank = str(args.rank)
    changes, values = (
        _read(args.logdir / folder / rank) for folder in ("model_change", "model_val")
    )
    if not changes and not values:
        raise DataError(
            f"{args.logdir}: no model_change/{rank}/<round>.json here; PartialModel "
            "writes them with save_accumulated = true in [SHARING]"
        )
    if not values:
        print(f"no model_val/{rank}/<round>.json, so no ratios of change and value")
    files = dict(_figures(rank, changes, values))
    return {args.logdir / name: content for name, content in files.items()}


def _figures(
    rank: str, changes: dict[int, Array], values: dict[int, Array]
) -> Iterator[tuple[str, bytes]]:
    for kind, tensors in (("change", changes), ("value", values)):
        for number, each in tensors.items():
            drawn = draw(each, kind, f"rank {rank}   round {number}")
            yield f"plots/{rank}/{kind}_{number}.png", rendered(drawn)
    for number in [each for each in changes if each in values]:
        if len(changes[number]) != len(values[number]):
            raise DataError(
                f"round {number} of rank {rank}: {len(changes[number])} changes of "
                f"{len(values[number])} values"
            )
        title = f"rank {rank}   round {number}   without the largest {100 - _KEPT} %"
        found = ratios(changes[number], values[number])
        drawn = draw(found, "|change / value|", title)
        yield f"plots_ratio/{rank}/{number}.png", rendered(drawn)


def _read(folder: Path) -> dict[int, Array]:
    return {number: _tensor(path) for number, path in numbered(folder, ".json").items()}


def _tensor(path: Path) -> Array:
    content = read_json(path)
    numbers = content.get("tensor") if isinstance(content, dict) else None
    return vector(path, numbers, '{"order": [...], "shapes": {...}, "tensor": [...]}')
