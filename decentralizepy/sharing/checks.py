"""Checks on the options of sharing algorithms and on the arrays that peers send."""

from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from decentralizepy.errors import ConfigError
from decentralizepy.message import Message

Array = npt.NDArray[Any]
Fraction = Annotated[float, Field(gt=0, le=1)]


def fraction(key: str, value: float) -> float:
    """Return ``value`` if it is above 0 and at most 1; ConfigError if not."""
    if not 0 < value <= 1:
        raise ConfigError(f"[SHARING] {key} = {value}: expected a number in (0, 1]")
    return value


def whole(key: str, value: int, least: int, most: int) -> int:
    """Return ``value`` if it is a whole number from ``least`` to ``most``."""
    if value != int(value) or not least <= value <= most:
        expected = f"expected a whole number from {least} to {most}"
        raise ConfigError(f"[SHARING] {key} = {value}: {expected}")
    return int(value)


def field(message: Message, key: str, dtype: npt.DTypeLike, size: int) -> Array:
    """Return the array ``key`` of a message; ValueError if it is not of shape (size,)."""
    array = np.asarray(message[key])
    if array.dtype != dtype or array.shape != (size,):
        expected = f"{np.dtype(dtype)} of shape ({size},)"
        raise ValueError(f"{key}: {array.dtype} of shape {array.shape}, not {expected}")
    return array
