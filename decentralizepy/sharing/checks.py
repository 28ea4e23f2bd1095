"""Checks on the options of sharing algorithms and on the arrays that peers send."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from decentralizepy.errors import ConfigError, MessageError, PeerError
from decentralizepy.message import Message

Array = npt.NDArray[Any]
_REAL = {np.dtype(name) for name in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1")}
Fraction = Annotated[float, Field(gt=0, le=1)]


def at_most(key: str, value: int, most: int) -> int:
    """Return ``value``; ConfigError if it is above ``most``, which other parts set."""
    if value > most:
        raise ConfigError(
            section="SHARING", key=key, value=value, expected=f"at most {most}"
        )
    return value


def present(message: Message, key: str) -> Any:
    """Return ``message[key]``; MessageError if there is none."""
    if key not in message:
        raise MessageError(f"it has no {key}")
    return message[key]


def array(message: Message, key: str) -> Array:
    """Return the array ``key`` of a message; MessageError if it is none."""
    value = present(message, key)
    if not isinstance(value, np.ndarray):
        raise MessageError(f"{key}: a {type(value).__name__}, not an array")
    return value


def field(message: Message, key: str, dtype: npt.DTypeLike, size: int) -> Array:
    """Return the array ``key``; MessageError if it has another type or shape."""
    found = array(message, key)
    if found.dtype != dtype or found.shape != (size,):
        expected = f"{np.dtype(dtype)} of shape ({size},)"
        raise MessageError(f"{key}: {_kind(found)}, not {expected}")
    return found


def numbers(message: Message, key: str, size: int) -> Array:
    """Return the array ``key`` of ``size`` real numbers, whatever their type."""
    found = array(message, key)
    if found.dtype not in _REAL or found.shape != (size,):
        raise MessageError(f"{key}: {_kind(found)}, not numbers of shape ({size},)")
    return found


def whole_number(message: Message, key: str) -> int:
    """Return ``message[key]``; MessageError if it is no whole number of 64 bits."""
    value = present(message, key)
    if type(value) is not int or not 0 <= value < 2**64:
        raise MessageError(f"{key}: {value!r}, not a whole number of 64 bits")
    return value


def count(message: Message, key: str, least: int, most: int) -> int:
    """Return ``message[key]``; MessageError if it is no whole number in that range."""
    value = present(message, key)
    if type(value) is not int or not least <= value <= most:
        raise MessageError(
            f"{key}: {value!r}, not a whole number from {least} to {most}"
        )
    return value


def shares(messages: Mapping[int, Message]) -> dict[int, float]:
    """Return how much each worker counts in a mean, by uid.

    That is by the ``samples`` that its message tells; all are equal if none tells.

    Raises
    ------
    PeerError
        If one tells no whole number from 1.
    """
    if not any("samples" in message for message in messages.values()):
        return dict.fromkeys(messages, 1 / max(1, len(messages)))
    samples = {}
    for uid, message in messages.items():
        with reading(uid, message):
            samples[uid] = count(message, "samples", 1, 2**64 - 1)
    total = sum(samples.values())
    return {uid: each / total for uid, each in samples.items()}


def number(message: Message, key: str) -> float:
    """Return ``message[key]``, a float; MessageError if it is no number."""
    value = present(message, key)
    if type(value) not in (int, float):
        raise MessageError(f"{key}: {value!r}, not a number")
    return float(value)


def positive(message: Message, key: str) -> float:
    """Return ``message[key]``; MessageError if it is no finite number above 0."""
    value = present(message, key)
    if type(value) is not float or not 0 < value < math.inf:
        raise MessageError(f"{key}: {value!r}, not a finite number above 0")
    return value


def _kind(found: Array) -> str:
    return f"{found.dtype} of shape {found.shape}"


@contextmanager
def reading(uid: int, message: Message) -> Iterator[None]:
    """Name the sender of a message that does not decode; let all other errors through.

    Raises
    ------
    PeerError
        For a MessageError.
    """
    try:
        yield
    except MessageError as error:
        raise PeerError(
            f"uid {uid} sent a model of round {message.get('iteration')} "
            f"that does not fit this node's: {error}"
        ) from error


def check_names(
    sharing: type, theirs: Mapping[str, Any], own: Mapping[str, Any]
) -> None:
    """Raise TypeError if what a subclass has decoded is no model of this node's."""
    if unknown := theirs.keys() - own.keys():
        raise TypeError(
            f"{sharing.__name__}.deserialized_model returned {sorted(unknown)}, but "
            f"models are averaged by the names {list(own)}"
        )
