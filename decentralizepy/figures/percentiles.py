"""Figures of how evenly the entries of a model are sent, over all nodes of a run."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from decentralizepy.errors import DataError
from decentralizepy.figures.inputs import check_folder, read_json, vector
from decentralizepy.figures.script import Files, run
from decentralizepy.figures.style import (
    COLOURS,
    Array,
    draw_mean,
    dress,
    figure,
    rendered,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIX = "_shared_parameters.json"
BINS = 20
_ENTRIES = "entries, from least to most often sent (%)"


def main(argv: Sequence[str] | None = None) -> int:
    """Draw how evenly entries are sent, as ``plot_percentile.py DIR``.

    Writes to DIR ``percentiles.png``, and for each experiment
    ``percentiles_histogram_<experiment>.png`` and, entry by entry over the nodes,
    ``shared_params_avg_<experiment>.json`` and ``shared_params_std_<experiment>.json``.

    Returns
    -------
    int
        The exit status: 0, or 2 after one line on standard error.
    """
    parser = ArgumentParser(
        prog="plot_percentile",
        description="Draw how evenly the entries of a model were sent.",
    )
    parser.add_argument(
        "dir",
        metavar="DIR",
        type=Path,
        help="a folder of experiments, one experiment, or one machine's folder",
    )
    return run(parser, _draw, argv)


def read_counts(folder: Path) -> dict[str, Array]:
    """Return, by experiment, how often each node (rows) sent each entry (columns).

    Raises
    ------
    DataError
        If there are no counters, or those of an experiment are inconsistent.
    """
    check_folder(folder)
    for depth in (2, 1, 0):
        files = sorted(folder.glob("*/" * depth + f"*{SUFFIX}"))
        if files:
            break
    else:
        raise DataError(
            f"{folder}: no counters here; expected <experiment>/<machine>/<rank>{SUFFIX}"
            " in it, which runs leave that send a part of the model"
        )
    homes: dict[str, list[Path]] = {}
    for file in files:
        home = file.parent.parent if depth == 2 else folder.resolve()
        homes.setdefault(home.name, []).append(file)
    return {name: _stacked(found) for name, found in homes.items()}


def draw_percentiles(counts: Mapping[str, Array]) -> Figure:
    """Draw the percentiles of the mean count of an entry, one line per experiment."""
    import pandas as pd

    drawn = figure(7, 4.3)
    axes, x = drawn.add_subplot(), np.arange(101)
    for number, (name, of) in enumerate(counts.items()):
        values = pd.DataFrame({"mean": np.percentile(of.mean(axis=0), x)})
        draw_mean(axes, x, values, name, number)
    dress(axes, _ENTRIES, "rounds in which it was sent\n(mean of nodes)")
    axes.set_xlim(0, 100)
    if len(counts) > 4:
        drawn.legend(loc="outside right upper", frameon=False, fontsize=8)
    else:
        axes.legend(frameon=False, fontsize=9)
    return drawn


def shares(counts: Array) -> Array:
    """Return the share of everything sent for each 1/20 of the entries, rarest first.

    Parameters
    ----------
    counts
        As of :func:`read_counts`, shape (nodes, entries).

    Returns
    -------
    array of shape (20,)
        In percent; zeros if nothing was sent.
    """
    rising = np.sort(counts.mean(axis=0))
    sums = np.array([part.sum() for part in np.array_split(rising, BINS)])
    return 100 * sums / (sums.sum() or 1)


def draw_histogram(counts: Array, name: str) -> Figure:
    """Draw :func:`shares`, next to those of entries that are all sent equally often."""
    drawn = figure(7, 4.3)
    axes = drawn.add_subplot()
    width = 100 / BINS
    left = width * np.arange(BINS)
    axes.bar(left, shares(counts), width, align="edge", color=COLOURS[0], ec="white")
    axes.axhline(width, color=COLOURS[1], ls="--", lw=1.2)
    axes.text(0.5, 1.03 * width, "uniform", va="bottom", fontsize=8, color=COLOURS[1])
    dress(axes, _ENTRIES, "share of everything sent (%)")
    axes.set(xlim=(0, 100), xticks=range(0, 101, 10))
    title = f"{name}   nodes: {len(counts)}"
    axes.set_title(title, loc="left", fontsize=9, color="0.3")
    return drawn


def _draw(args: Namespace) -> Files:
    counts = read_counts(args.dir)
    files = dict(_of_each(counts)) | {
        "percentiles.png": rendered(draw_percentiles(counts))
    }
    return {args.dir / name: content for name, content in files.items()}


def _of_each(counts: Mapping[str, Array]) -> Iterator[tuple[str, bytes]]:
    for name, of in counts.items():
        yield f"percentiles_histogram_{name}.png", rendered(draw_histogram(of, name))
        for kind, row in (("avg", of.mean(axis=0)), ("std", of.std(axis=0))):
            yield f"shared_params_{kind}_{name}.json", json.dumps(row.tolist()).encode()


def _stacked(files: Sequence[Path]) -> Array:
    rows = [vector(path, read_json(path), "a list of counts") for path in files]
    for path, row in zip(files, rows, strict=True):
        if len(row) != len(rows[0]):
            raise DataError(
                f"{path}: {len(row)} counts; {files[0]} has {len(rows[0])}, and both are"
                " of one experiment"
            )
    return np.array(rows)
