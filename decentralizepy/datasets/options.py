"""Parsing and validation of options that several data sets have."""

import math
from collections.abc import Sequence
from typing import Any, Literal

from decentralizepy.config.numbers import evaluate
from decentralizepy.errors import ConfigError, nearest

SOURCES = ("Train", "Test")
EVEN = "even"  # what ``sizes`` may be instead of fractions


def check_validation(source: str | None, size: float | Literal[""] | None) -> None:
    """Raise a ConfigError if the validation set cannot be taken so."""
    if source:
        one_of(SOURCES, "validation_source", source)
    if size and not 0 < size < 1:
        raise refused("validation_size", size, "a fraction between 0 and 1")


def one_of(names: tuple[str, ...], key: str, name: str) -> str:
    """Return ``name`` if it is one of ``names``; else raise a ConfigError."""
    if name in names:
        return name
    raise refused(key, name, f"one of {', '.join(names)}", nearest(name, names))


def refused(
    key: str, value: Any, expected: str, near: str | None = None
) -> ConfigError:
    """Return the error of an option whose value cannot be."""
    place = {"section": "DATASET", "key": key, "value": value}
    return ConfigError(**place, expected=expected, suggestion=near or "")


def fractions(sizes: str | Sequence[float]) -> list[float] | None:
    """Read ``sizes``; fractions written with three digits are scaled to a sum of 1."""
    if isinstance(sizes, str) and not sizes:
        return None
    try:
        values = evaluate(sizes) if isinstance(sizes, str) else sizes
        read = [float(value) for value in values]
    except (ValueError, TypeError):
        read = []
    total = math.fsum(read)
    if abs(total - 1) > 0.005 or min(read) < 0:
        example = f"such as [0.5, 0.25, 0.25], or {EVEN}"
        expected = f"a list of fractions whose sum is 1, {example}"
        raise refused("sizes", sizes, expected)
    return [fraction / total for fraction in read]
