"""Parsing of a node's results files."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from decentralizepy.errors import DataError

Table = dict[str, dict[int, float]]
"""The values of each metric by round."""


def read_first(files: list[Path]) -> Table:
    """Return the table of the first file that can be read."""
    for file in files[:-1]:
        with suppress(DataError):
            return _read(file)
    return _read(files[-1])


def _read(path: Path) -> Table:
    try:
        text = path.read_text(encoding="utf-8")
        content = _lines(text) if path.suffix == ".jsonl" else json.loads(text)
        return {
            name: numbers(rounds)
            for name, rounds in content.items()
            if isinstance(rounds, dict)
        }
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise DataError(
            f"{path}: not a results file ({error}); expected"
            ' {"test_acc": {"20": 41.0}, ...}'
        ) from None


def _lines(text: str) -> dict[str, dict[int, Any]]:
    table: dict[str, dict[int, Any]] = {}
    whole = text[: text.rfind("\n") + 1]  # the last line may be incomplete
    for line in whole.splitlines():
        record = json.loads(line)
        number = record.pop("round")
        for name, value in record.items():
            table.setdefault(name, {})[number] = value
    return table


def numbers(rounds: dict[Any, Any]) -> dict[int, float]:
    """Keep what can be plotted; null represents a non-finite number."""
    return {
        int(number): float("nan") if value is None else float(value)
        for number, value in rounds.items()
        if value is None or isinstance(value, (int, float))
    }
