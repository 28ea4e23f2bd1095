"""Parsing of a node's results files."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from decentralizepy.errors import DataError
from decentralizepy.results.lines import BYZANTINE, SUCCESS
from decentralizepy.results.sketch import NAME as SKETCH

if TYPE_CHECKING:
    from pandas import DataFrame

Table = dict[str, dict[int, float]]
"""The values of each metric by round."""


class Measured(NamedTuple):
    """What a node has measured: numbers by metric, and the sketches of its model."""

    table: Table
    sketches: dict[int, list[float]]


def read_first(files: list[Path]) -> Measured:
    """Return the content of the first file that can be read."""
    for file in files[:-1]:
        with suppress(DataError):
            return _read(file)
    return _read(files[-1])


def _read(path: Path) -> Measured:
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".jsonl":
            whole = text[: text.rfind("\n") + 1]  # the last line may be incomplete
            return tabled(map(json.loads, whole.splitlines()))
        content = json.loads(text)
        return _measured({k: of for k, of in content.items() if isinstance(of, dict)})
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise DataError(
            f"{path}: not a results file ({error}); expected"
            ' {"test_acc": {"20": 41.0}, ...}'
        ) from None


def tabled(rows: Iterable[dict[str, Any]]) -> Measured:
    """Return what the rows of a node contain."""
    table: dict[str, dict[int, Any]] = {}
    for row in rows:
        number = row.pop("round")
        for name, value in row.items():
            table.setdefault(name, {})[number] = value
    return _measured(table)


def _measured(content: dict[str, dict[Any, Any]]) -> Measured:
    sketches = {
        int(number): [math.nan if each is None else float(each) for each in row]
        for number, row in content.pop(SKETCH, {}).items()
    }
    table = {name: numbers(rounds) for name, rounds in content.items()}
    if BYZANTINE in table:  # what it measures is not that of an honest node
        of_model = ("_acc", "_loss", SUCCESS)
        honest = [name for name in table if not name.endswith(of_model)]
        return Measured({name: table[name] for name in honest}, {})
    return Measured(table, sketches)


def numbers(rounds: dict[Any, Any]) -> dict[int, float]:
    """Keep what can be plotted; null represents a non-finite number."""
    return {
        int(number): float("nan") if value is None else float(value)
        for number, value in rounds.items()
        if value is None or isinstance(value, (int, float))
    }


def framed(columns: dict[str, dict[int, float]]) -> DataFrame:
    """Return values by round and column; thousands of Series would take seconds."""
    import numpy as np
    import pandas as pd

    if not columns:
        return pd.DataFrame()
    index = sorted(set().union(*columns.values()))
    rows = {number: row for row, number in enumerate(index)}
    values = np.full((len(index), len(columns)), np.nan)
    for column, rounds in enumerate(columns.values()):
        for number, value in rounds.items():
            values[rows[number], column] = value
    return pd.DataFrame(values, index=index, columns=[*columns])
