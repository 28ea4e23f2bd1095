"""A message as frames: a msgpack header, then every array as it lies in memory."""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

import msgpack
import numpy as np
import numpy.typing as npt
import torch

from decentralizepy.errors import MessageError
from decentralizepy.message import Message, check

Array = npt.NDArray[Any]
Frame = bytes | Array

HEADER_LIMIT = 1 << 19  # what it describes may take 80 times as much memory
_ARRAY, _TENSOR, _SET = 1, 2, 3  # the header's extension types
_DTYPES = frozenset(
    np.dtype(name).str
    for name in [
        "bool",
        "u1",
        "i1",
        "u2",
        "i2",
        "f2",
        "u4",
        "i4",
        "f4",
        "u8",
        "i8",
        "f8",
        "c8",
        "c16",
    ]
)
_MALFORMED = (
    ValueError,  # msgpack's own errors and bad UTF-8 are ValueErrors
    TypeError,
    OverflowError,
    RecursionError,
    MemoryError,  # nested lists that say to be long
    msgpack.UnpackException,
)


class Encoded(NamedTuple):
    """A message on its way: its frames, and how many of its bytes are ``params``."""

    frames: list[Frame]
    data: int

    @property
    def size(self) -> int:
        """Bytes of all frames."""
        return sum(
            len(frame) if isinstance(frame, bytes) else frame.nbytes
            for frame in self.frames
        )


def encode(message: Mapping[str, Any]) -> list[Frame]:
    """Return the frames of ``message``: the header, then an array a frame.

    Arrays and tensors may stand anywhere in the message; sets, tuples (which arrive as
    lists) and numpy numbers are allowed. An array that can still be written is copied,
    since its bytes leave after this call returns; one that is read-only is not.

    Raises
    ------
    MessageError
        If a value has a type that cannot be sent, or the header exceeds 512 KiB.
    """
    arrays: list[Array] = []
    try:
        header = msgpack.packb(dict(message), default=_packer(arrays))
    except (TypeError, OverflowError) as error:
        raise MessageError(f"this message cannot be sent: {error}") from None
    if len(header) > HEADER_LIMIT:
        raise MessageError(f"a header of {len(header)} bytes; {HEADER_LIMIT} at most")
    return [header, *arrays]


def _packer(arrays: list[Array]) -> Callable[[object], Any]:
    def pack(value: object) -> Any:
        if isinstance(value, np.ndarray):
            return msgpack.ExtType(_ARRAY, _describe(value, arrays))
        if isinstance(value, torch.Tensor):
            array = value.detach().cpu().numpy()
            return msgpack.ExtType(_TENSOR, _describe(array, arrays))
        if isinstance(value, (set, frozenset)):
            return msgpack.ExtType(_SET, msgpack.packb(sorted(value)))
        if isinstance(value, np.generic):
            return value.item()
        raise TypeError(f"no message can hold a {type(value).__name__}")

    return pack


def _describe(array: Array, arrays: list[Array]) -> bytes:
    if array.dtype.str not in _DTYPES:
        raise TypeError(f"no message can hold an array of {array.dtype}")
    if array.flags.writeable or not array.flags.c_contiguous:
        array = np.array(array, order="C")
    arrays.append(array)
    described: bytes = msgpack.packb((len(arrays), array.dtype.str, array.shape))
    return described


def decode(frames: Sequence[Any]) -> Message:
    """Return the message of ``frames`` (objects with the buffer protocol).

    Arrays are views of their frames: nothing is copied. What a header says of an array
    must be what its frame holds, and every frame must be named once.

    Raises
    ------
    MessageError
        Whatever the bytes are, nothing else is raised.
    """
    if not frames or memoryview(frames[0]).nbytes > HEADER_LIMIT:
        raise MessageError("no header, or one over its limit")
    named: set[int] = set()
    try:
        message = _parse(memoryview(frames[0]), _unpacker(frames, named))
    except _MALFORMED as error:
        raise MessageError(f"a header that does not parse: {error}") from None
    if len(named) != len(frames) - 1:
        raise MessageError(f"{len(frames) - 1} arrays, of which {len(named)} are named")
    return check(message)


def _parse(data: bytes | memoryview, ext_hook: Callable[[int, bytes], Any]) -> Any:
    # a list of a stated length is allocated before it is read: see first if it is there
    whole = msgpack.Unpacker(strict_map_key=False)
    whole.feed(data)
    whole.skip()
    return msgpack.unpackb(data, strict_map_key=False, ext_hook=ext_hook)


def _unpacker(frames: Sequence[Any], named: set[int]) -> Callable[[int, bytes], Any]:
    def unpack(code: int, data: bytes) -> Any:
        content = _parse(data, msgpack.ExtType)
        if code == _SET:
            return set(content)
        if code not in (_ARRAY, _TENSOR):
            raise ValueError(f"unknown extension {code}")
        index, dtype, shape = content
        if index in named:
            raise ValueError(f"two arrays in frame {index}")
        array = _view(frames, index, dtype, shape)
        named.add(index)
        return array if code == _ARRAY else torch.from_numpy(_writable(array))

    return unpack


def _view(frames: Sequence[Any], index: int, dtype: str, shape: list[int]) -> Array:
    if dtype not in _DTYPES or type(index) is not int or not 0 < index < len(frames):
        raise ValueError(f"an array of {dtype!r} in frame {index!r}")
    if len(shape) > 32 or not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError(f"an array of shape {shape!r}")
    frame = memoryview(frames[index])
    if prod(shape) * np.dtype(dtype).itemsize != frame.nbytes:
        raise ValueError(f"an array of shape {shape} in {frame.nbytes} bytes")
    return np.frombuffer(frame, dtype).reshape(shape)


def _writable(array: Array) -> Array:
    return array if array.flags.writeable else array.copy()
