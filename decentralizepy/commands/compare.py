"""``decentralizepy compare``: finished runs side by side, with intervals over seeds."""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from decentralizepy.commands.parsers import Parser
from decentralizepy.errors import ConfigError, did_you_mean
from decentralizepy.figures.comparison import draw
from decentralizepy.files import write_atomic
from decentralizepy.monitor.units import duration, size
from decentralizepy.results.methods import Method, read_methods
from decentralizepy.results.statistics import compare

if TYPE_CHECKING:
    from pandas import DataFrame
    from rich.table import Table

    Row = Mapping[str, Any]
    Text = Callable[[Row], str]

FORMS = ("table", "csv", "latex", "markdown")


class Column(NamedTuple):
    """A column of the text tables: its title, and the text of a cell."""

    title: str
    text: Text


def main(argv: Sequence[str] | None = None) -> int:
    """Print a table of runs and draw them, as ``decentralizepy compare RUN ...``.

    Returns
    -------
    int
        The exit status: 0, or 2 after one line on standard error.
    """
    try:
        args = parser().parse_args(argv)
        methods, remarks = read_methods(args.runs)
        number = _baseline(methods, args.baseline)
        columns = _chosen(args.columns)
        numbers = compare(methods, number, args.target)
        write_atomic(args.output, draw(methods, args.output.suffix[1:] or "png"))
    except (ConfigError, OSError) as error:
        print(f"compare: {error}", file=sys.stderr)
        return 2
    for remark in remarks:
        print(f"warning: {remark}", file=sys.stderr)
    _print(numbers, columns, args.form, methods[number].label, args.target)
    told = sys.stdout if args.form == "table" else sys.stderr
    print(f"{args.output} written", file=told)
    return 0


def parser() -> Parser:
    """Return the parser of this command."""
    parser = Parser(
        "compare",
        "Compare finished runs. Runs that only differ in their seed are one method, with "
        "the mean over seeds and a 95 % confidence interval (Student's t over seeds, never "
        "over nodes). Differences are to the first method, paired by seed, with the p-value "
        "of a t-test.",
        "compare config_sweep --target 80",
        "compare runs/full runs/jwins --latex --columns final,sent,p > table.tex",
    )
    add = parser.add_argument
    add(
        "runs", metavar="RUN", type=Path, nargs="+", help="runs, sweeps, or log folders"
    )
    help = "the figure: .png, .pdf or .svg (default: compare.png)"
    add("-o", "--output", type=Path, default=Path("compare.png"), help=help)
    add("--baseline", metavar="NAME", help="the method to compare with")
    add("--target", metavar="PERCENT", type=_percent, help="an accuracy to reach")
    add("--columns", metavar="A,B", default="", help=f"of {', '.join(COLUMNS)}")
    for form in FORMS[1:]:
        add(
            f"--{form}",
            dest="form",
            action="store_const",
            const=form,
            default="table",
            help=f"print {form} on standard output",
        )
    return parser


def _percent(text: str) -> float:
    value = float(text)
    if not 0 < value <= 100:
        raise argparse.ArgumentTypeError(f"{text}: expected percent, such as 80")
    return value


def _baseline(methods: Sequence[Method], name: str | None) -> int:
    names = [each.name for each in methods]
    if name is None:
        return 0
    if name not in names:
        hint = did_you_mean(name, names) or f"; these are: {', '.join(names)}"
        raise ConfigError(f"--baseline {name}: no such method{hint}")
    return names.index(name)


def _chosen(text: str) -> list[str]:
    """Return the names of columns; of those that have values, if none are chosen."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in COLUMNS:
            hint = did_you_mean(name, COLUMNS) or f"; these are: {', '.join(COLUMNS)}"
            raise ConfigError(f"--columns {name}: no such column{hint}")
    return names


def _print(
    numbers: DataFrame,
    chosen: Sequence[str],
    form: str,
    base: str,
    target: float | None,
) -> None:
    if form == "csv":
        print(numbers.to_csv(index=False), end="")
        return
    cells = text_table(numbers, chosen, base, target)
    if form == "table":
        from rich.console import Console

        for each in tables(cells, Console().width):
            Console().print(each)
    else:
        print(written(cells, form))


def text_table(
    numbers: DataFrame, chosen: Sequence[str], base: str, target: float | None
) -> dict[str, list[str]]:
    """Return the cells of each column, by title; ``-`` where there is no value.

    Columns without any value are left out, unless they are ``chosen``.
    """
    rows = [{str(k): v for k, v in row.items()} for row in numbers.to_dict("records")]
    places = {
        "base": base,
        "target": f"{target or 0:g}",
        "budget": size(rows[0]["budget"]),
    }
    found = {"method": [str(row["method"]) for row in rows]}
    for name in chosen or COLUMNS:
        column = COLUMNS[name]
        cells = [column.text(row) for row in rows]
        if chosen or any(cell != "-" for cell in cells):
            found[column.title.format(**places)] = cells
    return found


def tables(cells: Mapping[str, Sequence[str]], width: int = 80) -> list[Table]:
    """Return the table for a terminal, in parts that fit its width."""
    from rich.table import Table

    found = []
    for titles in parts(cells, width):
        rows = Table("method")
        rows.columns[0].overflow = "fold"  # a name is not to be cut short
        for title in titles:
            rows.add_column(title, justify="right", width=width_of(title, cells))
        for row in zip(
            cells["method"], *(cells[title] for title in titles), strict=True
        ):
            rows.add_row(*row)
        found.append(rows)
    return found


def parts(cells: Mapping[str, Sequence[str]], width: int) -> list[list[str]]:
    """Return titles of columns that fit beside the names, at least one per part."""
    _, *titles = cells
    names = max(map(len, cells["method"])) + BORDER
    found: list[list[str]] = []
    left = 0
    for title in titles:
        wide = width_of(title, cells) + BORDER
        if wide > left:
            found.append([])
            left = width - 1 - names
        found[-1].append(title)
        left -= wide
    return found or [[]]


def width_of(title: str, cells: Mapping[str, Sequence[str]]) -> int:
    """Return the width of a column whose title takes two lines if it is long."""
    words = max(map(len, title.split()))
    return max(words, len(title) // 2 + 1, *map(len, cells[title]))


def written(cells: Mapping[str, Sequence[str]], form: str) -> str:
    """Return a table in LaTeX, for the package booktabs, or in Markdown."""
    from tabulate import tabulate

    style = {"latex": "latex_booktabs", "markdown": "github"}[form]
    right = ["left"] + ["right"] * (len(cells) - 1)
    text: str = tabulate(cells, "keys", style, disable_numparse=True, colalign=right)
    if form == "latex":
        text = re.sub(r"(& +)-(?=\d)", r"\1$-$", text.replace("±", r"$\pm$"))
    return text


def number(name: str, digits: int = 1, sign: str = "") -> Text:
    """Return a function that shows a value of a row, with its interval."""

    def text(row: Row) -> str:
        value, half = row.get(name, math.nan), row.get(f"{name}_half", math.nan)
        if math.isnan(value):
            return "-"
        shown = f"{round(value, digits) + 0.0:{sign}.{digits}f}"  # no -0.0
        return shown if math.isnan(half) else f"{shown} ± {half:.{digits}f}"

    return text


def _as(name: str, show: Callable[[float], str]) -> Text:
    """Return a function that shows the mean of a value by ``show``."""

    def text(row: Row) -> str:
        value = row.get(name, math.nan)
        return "-" if math.isnan(value) else show(value)

    return text


def _final(row: Row) -> str:
    text = number("final")(row)
    return f"{text} ({row['sample']})" if row["sample"] else text


def _p(row: Row) -> str:
    value = row["p"]
    if math.isnan(value):
        return "-"
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _reached(row: Row) -> str:
    return f"{row['reached']:.0f}/{row['seeds']}" if "reached" in row else "-"


BORDER = 3  # of a column: a line, and a space on both sides
COLUMNS: Mapping[str, Column] = {
    "seeds": Column("seeds", lambda row: str(row["seeds"])),
    "final": Column("nodes (%)", _final),
    "spread": Column("std over nodes", _as("spread", "{:.1f}".format)),
    "worst": Column("worst node (%)", number("worst")),
    "mean_model": Column("mean model (%)", number("mean_model")),
    "distance": Column("distance", _as("distance", "{:.2f}".format)),
    "best": Column("best (%)", number("best")),
    "success": Column("attack success (%)", number("success")),
    "difference": Column("vs. {base}", number("difference", sign="+")),
    "p": Column("p", _p),
    "sent": Column("sent", _as("sent", size)),
    "equal": Column("after {budget} (%)", number("equal")),
    "reached": Column("reached {target} %", _reached),
    "rounds": Column("rounds to {target} %", number("rounds", 0)),
    "bytes": Column("sent to {target} %", _as("bytes", size)),
    "seconds": Column("time to {target} %", _as("seconds", duration)),
    "virtual": Column("virtual s to {target} %", number("virtual", 2)),
}
