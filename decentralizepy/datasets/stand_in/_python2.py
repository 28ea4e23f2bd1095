"""Pickles as Python 2 wrote them, where text was a byte string."""

import pickle
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def dumps(value: Any) -> bytes:
    """Return a pickle of protocol 2.

    Parameters
    ----------
    value : dict, list, str, int or array of uint8
        Integers have 32 bits. Text is ASCII, which Python 3 reads with any ``encoding``,
        and as ``bytes`` with ``encoding="bytes"``.
    """
    return pickle.PROTO + b"\x02" + _encoded(value) + pickle.STOP


def _encoded(value: Any) -> bytes:
    match value:
        case int():
            return pickle.BININT + struct.pack("<i", value)
        case str():
            return _string(value.encode("ascii"))
        case np.ndarray():
            return _array(value)
        case Mapping():
            items = [part for pair in value.items() for part in pair]
            return pickle.EMPTY_DICT + _marked(items) + pickle.SETITEMS
        case Sequence():
            return pickle.EMPTY_LIST + _marked(value) + pickle.APPENDS
    raise TypeError(f"{type(value).__name__} cannot be written")


def _string(content: bytes) -> bytes:
    return pickle.BINSTRING + struct.pack("<i", len(content)) + content


def _marked(values: Sequence[Any]) -> bytes:
    return pickle.MARK + b"".join(map(_encoded, values))


def _array(array: "np.ndarray[Any, np.dtype[np.uint8]]") -> bytes:
    """Return the opcodes that create an empty array and then set its state."""
    nothing = _tuple(_named("numpy", "ndarray"), _tuple(_encoded(0)), _encoded("b"))
    kind = _named("numpy", "dtype") + _tuple(*map(_encoded, ("u1", 0, 1)))
    state = _tuple(
        _encoded(1),  # version of the state's format
        _tuple(*map(_encoded, array.shape)),
        kind + pickle.REDUCE,
        pickle.NEWFALSE,  # not in Fortran order
        _string(array.tobytes()),
    )
    rebuild = _named("numpy.core.multiarray", "_reconstruct")
    return rebuild + nothing + pickle.REDUCE + state + pickle.BUILD


def _named(module: str, name: str) -> bytes:
    return pickle.GLOBAL + f"{module}\n{name}\n".encode()


def _tuple(*parts: bytes) -> bytes:
    return pickle.MARK + b"".join(parts) + pickle.TUPLE
