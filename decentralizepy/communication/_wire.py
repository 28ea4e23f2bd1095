"""Encoding of messages as frames: a msgpack header, then the raw memory of each array."""

import functools
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import msgpack
import numpy as np
import numpy.typing as npt
import torch

from decentralizepy.communication._types import DTYPES, describe, in_order, restore
from decentralizepy.errors import MessageError
from decentralizepy.message import Message, Outgoing, check

Array = npt.NDArray[Any]
HEADER_LIMIT = 1 << 19  # bytes; decoding may take 80 times as much memory
SMALL = 1 << 10  # bytes up to which a list cannot be large, whatever it claims
DESCRIBED = 1 << 9  # bytes that describe an array of 32 dimensions, at most
NESTED = 32  # how deep values of types that msgpack lacks may be nested
_ARRAY, _TENSOR, _SET, _OTHER = range(1, 5)  # the header's extension types
_MALFORMED = (
    ValueError,  # msgpack's own errors and bad UTF-8 are ValueErrors
    TypeError,
    LookupError,
    OverflowError,
    RecursionError,
    MemoryError,  # nested lists that claim to be long
    msgpack.UnpackException,
)
_SHARED = {int, float, bool, str, bytes, type(None), np.ndarray}
_UNSENDABLE = (TypeError, ValueError, OverflowError, RecursionError)


class Frames(list[Any]):
    """The frames of a message, decoded once for all its receivers in this process.

    Each of them gets a message of its own, but the arrays are shared, and read-only.
    """

    _message: Message | None = None

    def message(self) -> Message:
        """Return the message; raise a MessageError if the frames are invalid."""
        if self._message is None:
            message = _decoded(self)
            if not all(type(value) in _SHARED for value in message.values()):
                return message  # with a list, for example, that its receiver may change
            self._message = message
        return dict(self._message)


def encode(message: Mapping[str, Any]) -> Frames:
    """Return the frames of ``message``: the header, then one frame per array.

    A message may contain arrays and tensors anywhere, as well as tuples, sets, deques,
    the dicts of the standard library, integers of any size and NumPy scalars; all keep
    their type. Writable arrays are copied, because their bytes leave after this call
    returns. Read-only arrays are not copied, nor is
    :class:`~decentralizepy.message.Outgoing`, which becomes read-only.

    Raises
    ------
    MessageError
        If a value has a type that cannot be sent, or the header exceeds 512 KiB.
    """
    arrays: list[Array] = []
    try:
        header = _pack(dict(message), _Packer(arrays))
    except _UNSENDABLE as error:
        raise MessageError(
            f"this message cannot be sent: {_culprit(message)}{error}"
        ) from None
    if len(header) > HEADER_LIMIT:
        raise MessageError(
            f"a header of {len(header)} bytes exceeds the limit of {HEADER_LIMIT}"
        )
    return Frames([header, *arrays])


def _pack(value: Any, default: Callable[[object], Any]) -> bytes:
    packed: bytes = msgpack.Packer(default=default, strict_types=True).pack(value)
    return packed


def _culprit(message: Mapping[str, Any]) -> str:
    """Name the key whose value cannot be sent."""
    for key, value in message.items():
        try:
            _pack({key: value}, _Packer([]))
        except _UNSENDABLE:
            return f"{key!r}: "
    return ""


class _Packer:
    """Packs what msgpack lacks; collects arrays in ``arrays``.

    Not a function inside another, which would keep the arrays until the next collection
    of garbage, because it refers to itself.
    """

    def __init__(self, arrays: list[Array]) -> None:
        self._arrays, self._depth = arrays, 0

    def __call__(self, value: object) -> Any:
        if type(value) in (np.ndarray, Outgoing):
            return msgpack.ExtType(_ARRAY, _describe(value, self._arrays))
        if isinstance(value, torch.Tensor):
            array = value.detach().cpu().numpy()
            return msgpack.ExtType(_TENSOR, _describe(array, self._arrays))
        self._depth += 1
        if self._depth > NESTED:
            raise ValueError(f"tuples or sets nested more than {NESTED} deep")
        if type(value) is set:
            packed = msgpack.ExtType(_SET, _pack(in_order(value), self))
        else:
            packed = msgpack.ExtType(_OTHER, _pack([*describe(value)], self))
        self._depth -= 1
        return packed


def _describe(array: Any, arrays: list[Array]) -> bytes:
    described = _described(len(arrays) + 1, array.dtype, array.shape)
    if getattr(array, "given", False) and array.flags.c_contiguous:
        array.flags.writeable = False
    elif array.flags.writeable or not array.flags.c_contiguous:
        array = np.array(array, order="C")
        array.flags.writeable = False  # for receivers in this process, who share it
    arrays.append(array)
    return described


@functools.lru_cache(maxsize=256)  # the arrays of a run's messages have few shapes
def _described(index: int, dtype: "np.dtype[Any]", shape: tuple[int, ...]) -> bytes:
    if dtype.str not in DTYPES:
        raise TypeError(f"a message cannot contain an array of {dtype}")
    described: bytes = msgpack.packb((index, dtype.str, shape))
    return described


def decode(frames: Sequence[Any]) -> Message:
    """Return the message in ``frames`` (objects with the buffer protocol).

    Arrays are views of their frames, without copying. The header's description of each
    array must match its frame, and every frame must be described exactly once.

    Raises
    ------
    MessageError
        If the frames are invalid; nothing else is raised, whatever the bytes are.
    """
    return frames.message() if isinstance(frames, Frames) else _decoded(frames)


def _decoded(frames: Sequence[Any]) -> Message:
    if not frames or memoryview(frames[0]).nbytes > HEADER_LIMIT:
        raise MessageError("no header, or one that exceeds its limit")
    unpacker = _Unpacker(frames)
    try:
        message = _parse(memoryview(frames[0]), unpacker)
    except _MALFORMED as error:
        raise MessageError(f"an invalid header: {error}") from None
    if len(unpacker.named) != len(frames) - 1:
        raise MessageError(
            f"{len(frames) - 1} arrays, but the header describes {len(unpacker.named)}"
        )
    return check(message)


def _parse(data: bytes | memoryview, ext_hook: Callable[[int, bytes], Any]) -> Any:
    if len(data) > SMALL:
        # msgpack allocates a list by its stated length: check that the data is complete
        whole = msgpack.Unpacker(strict_map_key=False)
        whole.feed(data)
        whole.skip()
    return msgpack.unpackb(data, strict_map_key=False, ext_hook=ext_hook)


class _Unpacker:
    """Unpacks what msgpack lacks; notes in ``named`` which frames are described."""

    def __init__(self, frames: Sequence[Any]) -> None:
        self.named: set[int] = set()
        self._frames, self._depth = frames, 0

    def __call__(self, code: int, data: bytes) -> Any:
        if code in (_ARRAY, _TENSOR):
            array = _view(self._frames, self.named, data)
            return array if code == _ARRAY else torch.from_numpy(_writable(array))
        self._depth += 1
        if self._depth > NESTED or code not in (_SET, _OTHER):
            raise ValueError(f"extension {code} at depth {self._depth}")
        content = _parse(data, self)
        self._depth -= 1
        return set(content) if code == _SET else restore(*content)


def _view(frames: Sequence[Any], named: set[int], described: bytes) -> Array:
    """Return the array that ``described`` finds in a frame, and note the frame."""
    if len(described) > DESCRIBED:
        raise ValueError(f"an array described by {len(described)} bytes")
    index, dtype, shape = _layout(described)
    if not 0 < index < len(frames) or index in named:
        raise ValueError(f"an array of {dtype} in frame {index}")
    frame = memoryview(frames[index])
    if prod(shape) * dtype.itemsize != frame.nbytes:
        raise ValueError(f"an array of shape {shape} in {frame.nbytes} bytes")
    named.add(index)
    return np.ndarray(shape, dtype, frame)


@functools.lru_cache(maxsize=256)
def _layout(described: bytes) -> tuple[int, "np.dtype[Any]", tuple[int, ...]]:
    index, dtype, shape = _parse(described, msgpack.ExtType)
    if dtype not in DTYPES or type(index) is not int:
        raise ValueError(f"an array of {dtype!r} in frame {index!r}")
    if (
        type(shape) is not list
        or len(shape) > 32
        or not all(type(size) is int and size >= 0 for size in shape)
    ):
        raise ValueError(f"an array of shape {shape!r}")
    return index, np.dtype(dtype), tuple(shape)


def _writable(array: Array) -> Array:
    return array if array.flags.writeable else array.copy()
