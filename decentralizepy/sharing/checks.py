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
    """Return ``value``; raise a ConfigError if it exceeds ``most``."""
    if value > most:
        raise ConfigError(
            section="SHARING", key=key, value=value, expected=f"at most {most}"
        )
    return value


def present(message: Message, key: str) -> Any:
    """Return ``message[key]``; raise a MessageError if it is missing."""
    if key not in message:
        raise MessageError(f"{key} is missing")
    return message[key]


def array(message: Message, key: str) -> Array:
    """Return the array ``key`` of a message; raise a MessageError if it is not one."""
    value = present(message, key)
    if not isinstance(value, np.ndarray):
        raise MessageError(f"{key}: a {type(value).__name__}, not an array")
    return value


def field(message: Message, key: str, dtype: npt.DTypeLike, size: int) -> Array:
    """Return the array ``key``; raise a MessageError for a wrong dtype or shape."""
    found = array(message, key)
    if found.dtype != dtype or found.shape != (size,):
        expected = f"{np.dtype(dtype)} of shape ({size},)"
        raise MessageError(f"{key}: {_kind(found)}, not {expected}")
    return found


def numbers(message: Message, key: str, size: int) -> Array:
    """Return the array ``key`` of ``size`` real numbers of any dtype."""
    found = array(message, key)
    if found.dtype not in _REAL or found.shape != (size,):
        raise MessageError(f"{key}: {_kind(found)}, not numbers of shape ({size},)")
    return found


def whole_number(message: Message, key: str) -> int:
    """Return ``message[key]``; raise a MessageError if it is not a 64-bit integer."""
    value = present(message, key)
    if type(value) is not int or not 0 <= value < 2**64:
        raise MessageError(f"{key}: {value!r}, not a whole number of 64 bits")
    return value


def count(message: Message, key: str, least: int, most: int) -> int:
    """Return ``message[key]``; raise a MessageError if it is not an integer in range."""
    value = present(message, key)
    if type(value) is not int or not least <= value <= most:
        raise MessageError(
            f"{key}: {value!r}, not a whole number from {least} to {most}"
        )
    return value


def check_degree(message: Message, known: int | None, most: int) -> None:
    """Raise a MessageError if a peer reports an impossible ``degree``, if any.

    Parameters
    ----------
    message : dict
    known : int or None
        The only possible degree; None if any up to ``most`` is.
    most : int
    """
    if "degree" not in message:  # not needed by this sharing class
        return
    degree = count(message, "degree", 0, most)
    if known not in (None, degree):
        raise MessageError(f"degree: {degree}, but the graph says {known}")


def shares(messages: Mapping[int, Message]) -> dict[int, float]:
    """Return the weight of each worker in a mean, by uid.

    Weights are proportional to the ``samples`` in the messages, or equal without them.

    Raises
    ------
    PeerError
        If a worker's ``samples`` is not a positive integer.
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
    """Return ``message[key]`` as a float; raise a MessageError if it is not a number."""
    value = present(message, key)
    if type(value) not in (int, float):
        raise MessageError(f"{key}: {value!r}, not a number")
    return float(value)


def positive(message: Message, key: str) -> float:
    """Return ``message[key]``; raise a MessageError unless it is finite and positive."""
    value = present(message, key)
    if type(value) is not float or not 0 < value < math.inf:
        raise MessageError(f"{key}: {value!r}, not a finite number above 0")
    return value


def _kind(found: Array) -> str:
    return f"{found.dtype} of shape {found.shape}"


@contextmanager
def reading(uid: int, message: Message) -> Iterator[None]:
    """Attribute decoding errors to the sender of a message.

    Raises
    ------
    PeerError
        For a MessageError; other exceptions are not changed.
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
    """Raise a TypeError if a subclass decoded a model with unknown names."""
    if unknown := theirs.keys() - own.keys():
        raise TypeError(
            f"{sharing.__name__}.deserialized_model returned {sorted(unknown)}, but "
            f"models are averaged by the names {list(own)}"
        )
