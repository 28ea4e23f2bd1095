"""Finding, reading and checking the files that figures are drawn from."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from decentralizepy.errors import DataError, did_you_mean
from decentralizepy.figures.style import Array


def check_folder(folder: Path) -> None:
    """Raise a DataError if the folder does not exist."""
    if not folder.is_dir():
        names = [path.name for path in folder.parent.glob("*/")]
        raise DataError(f"{folder}: no such folder{did_you_mean(folder.name, names)}")


def numbered(folder: Path, suffix: str) -> dict[int, Path]:
    """Return the files ``<number><suffix>`` of a folder, by number."""
    found = {path.name.removesuffix(suffix): path for path in folder.glob(f"*{suffix}")}
    numbers = sorted((int(name), path) for name, path in found.items() if _is(name))
    return dict(numbers)


def _is(name: str) -> bool:
    return name.isascii() and name.isdigit()


def read_json(path: Path) -> Any:
    """Return the content of a JSON file; raise a DataError if it is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: no JSON: {error}") from None


def vector(path: Path, numbers: Any, expected: str) -> Array:
    """Return a list of numbers as an array; raise a DataError for anything else.

    Complex numbers, which are stored as pairs, become their magnitudes.
    """
    try:
        found = np.array(numbers, dtype=np.float64)
    except (ValueError, TypeError):
        found = np.empty(0)
    if found.ndim == 2 and found.shape[1] == 2:
        found = np.hypot(found[:, 0], found[:, 1])
    if found.ndim != 1 or not found.size:
        raise DataError(f"{path}: expected {expected}")
    return found
