"""What the commands that draw share: what they read, write and say."""

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from decentralizepy.errors import ConfigError, DataError, did_you_mean
from decentralizepy.files import write_atomic

Array = npt.NDArray[np.float64]
Files = dict[Path, bytes]


def run(
    parser: ArgumentParser,
    draw: Callable[[Namespace], Files],
    argv: Sequence[str] | None,
) -> int:
    """Draw everything, and only then write; return the exit status.

    What a user can cause is one line on standard error, and status 2.
    """
    args = parser.parse_args(argv)
    try:
        files = draw(args)
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, content)
    except (ConfigError, OSError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    homes = dict.fromkeys(str(path.parent) for path in files)
    plural = "s" * (len(files) > 1)
    print(f"{len(files)} file{plural} written to {', '.join(homes)}")
    return 0


def check_folder(folder: Path) -> None:
    """Raise a DataError if there is no such folder."""
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
    """Return what a JSON file holds; raise a DataError if it holds none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: no JSON: {error}") from None


def vector(path: Path, numbers: Any, expected: str) -> Array:
    """Return a list of numbers as an array; raise a DataError if it is something else.

    Complex ones, which are written as pairs, become their magnitudes.
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
