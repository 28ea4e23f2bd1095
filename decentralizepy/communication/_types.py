"""Encoding of types that msgpack does not support."""

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

DTYPES = frozenset(
    np.dtype(code).str
    for code in (*"?bBhHiIefdFD", "i8", "u8")  # not "l": its size differs
)
_FACTORIES: Mapping[str | None, Any] = {
    None: None,
    **{each.__name__: each for each in (int, float, str, list, dict, set, bool)},
}

_OUT: Mapping[type, Callable[[Any], Any]] = {
    tuple: list,
    torch.Size: list,
    frozenset: lambda value: in_order(value),
    deque: lambda value: [[*value], value.maxlen],
    OrderedDict: lambda value: [[*item] for item in value.items()],
    Counter: lambda value: [[*item] for item in value.items()],
    defaultdict: lambda value: [_factory(value), [[*item] for item in value.items()]],
    int: lambda value: value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True),
    complex: lambda value: [value.real, value.imag],
}
_IN: Mapping[str, Callable[[Any], Any]] = {
    "tuple": tuple,
    "Size": torch.Size,
    "frozenset": frozenset,
    "deque": lambda content: deque(content[0], content[1]),
    "OrderedDict": OrderedDict,
    "Counter": lambda content: Counter(dict(content)),
    "defaultdict": lambda content: defaultdict(_FACTORIES[content[0]], content[1]),
    "int": lambda content: int.from_bytes(content, "big", signed=True),
    "complex": lambda content: complex(*content),
    "scalar": lambda content: _scalar(*content),
}


def describe(value: object) -> tuple[str, Any]:
    """Return the name of a value's type, and the content to restore it from.

    Raises
    ------
    TypeError
        If a message cannot contain it.
    """
    if isinstance(value, np.generic) and value.dtype.str in DTYPES:
        return "scalar", [value.dtype.str, value.tobytes()]
    out = _OUT.get(type(value))  # not isinstance: a subclass would lose its type
    if out is None:
        raise TypeError(f"a message cannot contain a {type(value).__name__}")
    return type(value).__name__, out(value)


def restore(name: str, content: Any) -> Any:
    """Return the value for which :func:`describe` returned ``name`` and ``content``."""
    if name not in _IN:
        raise ValueError(f"unknown type {name!r}")
    return _IN[name](content)


def in_order(values: Any) -> list[Any]:
    """Return the elements of a set in an order that is the same in every process."""
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=repr)


def _factory(value: "defaultdict[Any, Any]") -> str | None:
    name = getattr(value.default_factory, "__name__", None)
    if _FACTORIES.get(name, "") is not value.default_factory:
        raise TypeError(
            f"a message cannot contain a defaultdict of {value.default_factory}"
        )
    return name


def _scalar(dtype: str, content: bytes) -> Any:
    if dtype not in DTYPES or len(content) != np.dtype(dtype).itemsize:
        raise ValueError(f"invalid number of type {dtype!r}")
    return np.frombuffer(content, dtype)[0]
