"""The 16-byte header of compressed data: codec, type and number of items, checksum."""

import struct
import zlib
from typing import Any, NamedTuple

import numpy as np

from decentralizepy.compression.Compression import Bytes
from decentralizepy.errors import MessageError

_HEAD = struct.Struct("<3scQ")
_SUM = struct.Struct("<I")
_START = _HEAD.size + _SUM.size


class Frame(NamedTuple):
    """A compressed body; ``kind`` is the NumPy type character of its items."""

    kind: str
    items: int
    body: Bytes


def seal(codec: bytes, kind: str, items: int, body: bytes) -> Bytes:
    """Return the frame as bytes; ``codec`` is three bytes, as in :func:`unseal`."""
    head = _HEAD.pack(codec, kind.encode(), items)
    checksum = zlib.crc32(body, zlib.crc32(head))
    return np.frombuffer(b"".join((head, _SUM.pack(checksum), body)), np.uint8)


def unseal(codec: bytes, kinds: str, encoded: Any, limit: int) -> Frame:
    """Return the frame in ``encoded``.

    Raises
    ------
    MessageError
        If it is not a buffer of bytes, comes from another codec, has a kind that is not
        in ``kinds``, is truncated or damaged, or claims more than ``limit`` items.
    """
    data = _view(encoded)
    if data.nbytes < _START:
        raise MessageError(f"compressed data of {data.nbytes} bytes; {_START} at least")
    head, body = data[: _HEAD.size], data[_START:]
    made_by, kind, items = _HEAD.unpack(head)
    if made_by != codec or kind not in kinds.encode():
        raise MessageError(f"compressed data of {made_by + kind!r}, not of {codec!r}")
    if items > limit:
        raise MessageError(f"data that say to hold {items} items; {limit} at most")
    (checksum,) = _SUM.unpack(data[_HEAD.size : _START])
    if checksum != zlib.crc32(body, zlib.crc32(head)):
        raise MessageError("compressed data whose checksum is wrong: damaged")
    return Frame(kind.decode(), items, np.frombuffer(body, np.uint8))


def _view(encoded: Any) -> memoryview:
    try:
        view = memoryview(encoded)
    except TypeError:
        name = type(encoded).__name__
        raise MessageError(f"compressed data is a buffer of bytes, no {name}") from None
    if view.itemsize != 1 or view.ndim != 1 or not view.c_contiguous:
        raise MessageError("compressed data is one row of bytes, no other array")
    return view
