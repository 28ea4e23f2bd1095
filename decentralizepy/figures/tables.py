"""Figures of many runs, from the tables that ``plot.py`` wrote."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from decentralizepy.errors import DataError
from decentralizepy.figures.inputs import check_folder
from decentralizepy.figures.script import Files, run
from decentralizepy.figures.style import (
    add_legend,
    draw_spread,
    dress,
    figure,
    rendered,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

    Tables = dict[str, DataFrame]  # of one metric, by experiment

METRICS = {
    "train_loss": "training loss",
    "test_loss": "test loss",
    "test_acc": "test accuracy (%)",
}
_TIME = re.compile(r"[-_.]?\d{4}-\d\d-\d\dT\d\d[:-]\d\d([:-]\d\d)?$")
_COLUMNS = ["mean", "std"]
_TRUTHS = dict.fromkeys(("true", "1", "t", "y", "yes", "on"), True)
_TRUTHS |= dict.fromkeys(("false", "0", "f", "n", "no", "off"), False)
_INSIDE = 4  # with more runs, the legend would hide the curves


def main(argv: Sequence[str] | None = None) -> int:
    """Compare runs by their tables, as ``plotting_from_csv.py DIR EPOCHS GLOBAL``.

    Reads ``train_loss_<experiment>.csv``, ``test_loss_...`` and ``test_acc_...`` in DIR;
    writes there ``ge_train_loss.png``, ``ge_test_loss.png``, ``ge_test_acc.png`` and
    ``best_results.csv``: the highest accuracy and the lowest losses of each experiment.
    A timestamp at the end of experiment names is dropped if names stay unique.

    Returns
    -------
    int
        The exit status: 0, or 2 after one line on standard error.
    """
    parser = ArgumentParser(
        prog="plotting_from_csv", description="Compare runs by the tables of plot.py."
    )
    add = parser.add_argument
    add("dir", metavar="DIR", type=Path, help="a folder with tables")
    add("epochs", metavar="EPOCHS", type=_positive, help="the largest x to draw")
    add(
        "by_epoch",
        metavar="GLOBAL",
        type=_truth,
        help="true: x is 1 at the first row of each table; false: x is the round",
    )
    return run(parser, _draw, argv)


def read_tables(folder: Path, epochs: float, by_epoch: bool) -> dict[str, Tables]:
    """Return the tables of each metric, by experiment, up to ``epochs``.

    The index is x: the round or, with ``by_epoch``, the round divided by that of the
    first row.

    Raises
    ------
    DataError
        If there are no tables, or one is damaged.
    """
    check_folder(folder)
    found = {
        metric: {
            path.stem.removeprefix(f"{metric}_"): _read(path, epochs, by_epoch)
            for path in sorted(folder.glob(f"{metric}_*.csv"))
        }
        for metric in METRICS
    }
    if not any(found.values()):
        raise DataError(
            f"{folder}: no tables here; expected train_loss_<experiment>.csv, "
            "test_loss_... or test_acc_..., which eval/plot.py writes"
        )
    names = _short({name for tables in found.values() for name in tables})
    return {
        metric: {names[name]: table for name, table in tables.items()}
        for metric, tables in found.items()
    }


def best(tables: dict[str, Tables]) -> DataFrame:
    """Return the highest test accuracy and the lowest losses, one row per experiment."""
    import pandas as pd

    least = {
        metric: {name: table["mean"].min() for name, table in tables[metric].items()}
        for metric in ("test_loss", "train_loss")
    }
    most = {name: table["mean"].max() for name, table in tables["test_acc"].items()}
    rows = pd.DataFrame({"test_acc": most, **least})
    return rows.sort_index().rename_axis("experiment")


def draw(tables: Tables, x_label: str, y_label: str) -> Figure:
    """Draw a metric of every experiment."""
    outside = len(tables) > _INSIDE
    drawn = figure(7 + outside * 0.08 * max(map(len, tables)), 4.3)
    axes = drawn.add_subplot()
    for number, (name, table) in enumerate(tables.items()):
        mean, std = table["mean"], table["std"].fillna(0)
        low, high = mean - std, mean + std
        spread = table.assign(low=low, high=high, lower=low, upper=high)
        alone = len(table) and "nr_nodes" in table and (table["nr_nodes"] == 1).all()
        label = f"{name} (one model)" if alone else name  # as of a parameter server
        draw_spread(axes, spread.index, spread, label, number)
    dress(axes, x_label, y_label)
    title = "line: mean of nodes   band: ±1 std"
    axes.set_title(title, loc="left", fontsize=8, color="0.4")
    add_legend(drawn, axes, outside)
    return drawn


def _draw(args: Namespace) -> Files:
    tables = read_tables(args.dir, args.epochs, args.by_epoch)
    x_label = "epoch" if args.by_epoch else "round"
    files = {
        f"ge_{metric}.png": rendered(draw(found, x_label, METRICS[metric]))
        for metric, found in tables.items()
        if found
    }
    files["best_results.csv"] = best(tables).to_csv().encode()
    return {args.dir / name: content for name, content in files.items()}


def _read(path: Path, epochs: float, by_epoch: bool) -> DataFrame:
    import pandas as pd

    try:
        table = pd.read_csv(path).set_index("rounds")
        wanted = _COLUMNS + [name for name in ("nr_nodes",) if name in table]
        table = table[wanted].astype(float)
        table.index = table.index.astype(float)
    except (ValueError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise DataError(
            f"{path}: no table with columns rounds, mean, std: {reason}"
        ) from None
    if by_epoch and len(table):
        table.index /= table.index[0]
    return table[table.index <= epochs]


def _short(names: set[str]) -> dict[str, str]:
    """Return names without the timestamp at their end, if they stay unique."""
    short = {name: _TIME.sub("", name) or name for name in names}
    times = Counter(short.values())
    return {name: cut if times[cut] == 1 else name for name, cut in short.items()}


def _positive(word: str) -> float:
    number = float(word)
    if number > 0:
        return number
    raise ArgumentTypeError(f"{word}: expected a number above 0")


def _truth(word: str) -> bool:
    if word.lower() in _TRUTHS:
        return _TRUTHS[word.lower()]
    raise ArgumentTypeError(f"{word!r} is neither true nor false")
