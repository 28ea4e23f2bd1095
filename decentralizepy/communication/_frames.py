"""How the frames of a message are laid out in the parts of a ZeroMQ message."""

import functools
import struct
from collections.abc import Callable, Sequence
from typing import Any

from decentralizepy.errors import ConfigError, MessageError
from decentralizepy.message import Label

JOINED = 4096  # bytes of small frames that share a part with the envelope


class Damaged(MessageError):
    """A message that was corrupted in transit and must be resent."""


class Encoded:
    """An encoded message to one peer or many.

    Parameters
    ----------
    frames : sequence of buffers
        Contiguous; they must no longer be written to.
    data : int
        How many of their bytes belong to ``params``.

    Attributes
    ----------
    size, largest : int
        Bytes of all frames, and of the largest frame.
    label : (str, int) or None
        The channel and the round of the message, if it has one.
    """

    __slots__ = ("_digest", "_joined", "data", "frames", "label", "largest", "size")

    def __init__(self, frames: Sequence[Any], data: int = 0) -> None:
        sizes = [bytes_of(frame) for frame in frames]
        self.frames, self.data = frames, data
        self.size, self.largest = sum(sizes), max(sizes, default=0)
        self.label: Label | None = None
        self._digest: bytes | None = None
        self._joined: list[Any] | None = None

    def check(self, limit: int, uid: int) -> None:
        """Raise a ConfigError for a frame that ``uid`` would drop silently (0: no limit)."""
        if 0 < limit < self.largest:
            raise ConfigError(
                f"a frame of {self.largest} bytes to uid {uid}; [COMMUNICATION] "
                f"max_message allows {limit}"
            )

    def parts(self, envelope: bytes) -> list[Any]:
        """Return the parts: the envelope with the small frames, then the other frames."""
        joined, *rest = self._bodies()
        return [envelope + joined, *rest]

    def digest(self, of: Callable[[Sequence[Any]], bytes]) -> bytes:
        """Return the digest of all but the envelope, computed once for all receivers."""
        if self._digest is None:
            self._digest = of(self._bodies())
        return self._digest

    def _bodies(self) -> list[Any]:
        if self._joined is None:
            self._joined = _join(self.frames)
        return self._joined


def bytes_of(frame: Any) -> int:
    """Return the size of a buffer in bytes, whatever its type."""
    if isinstance(frame, (bytes, bytearray)):
        return len(frame)
    size: int = frame.nbytes  # of an array or a memoryview
    return size


def on_wire(parts: Sequence[Any]) -> int:
    """Return the size of a message in bytes, with ZeroMQ's part headers (RFC 23)."""
    total = 0
    for part in parts:
        size = bytes_of(part)
        total += size + (2 if size < 256 else 9)
    return total


@functools.cache
def _table(count: int) -> struct.Struct:
    """Return the layout of a table of ``count`` lengths, up to 255."""
    return struct.Struct(f"!B{count}H")


def _join(frames: Sequence[Any]) -> list[Any]:
    """Return the first frames joined, after a table of their lengths, and the others."""
    sizes = [bytes_of(frame) for frame in frames[:255]]
    count = room = 0
    for size in sizes:
        room += size
        if room > JOINED:
            break
        count += 1
    table = _table(count).pack(count, *sizes[:count])
    return [b"".join([table, *frames[:count]]), *frames[count:]]


def bodies(parts: Sequence[Any], size: int) -> Sequence[Any]:
    """Return all but the envelope, of ``size`` bytes, of a message in ``parts``."""
    rest = parts[1:]
    return rest if len(parts[0]) == size else [memoryview(parts[0])[size:], *rest]


def split(bodies: Sequence[Any]) -> list[Any]:
    """Return the frames of a message, given all but its envelope.

    Raises
    ------
    Damaged
        If the table of lengths does not match the first part.
    """
    if not bodies:
        return []
    joined, *rest = bodies
    count = joined[0]
    start = 1 + 2 * count
    frames: list[Any] = []
    if len(joined) >= start:
        for length in _table(count).unpack_from(joined)[1:]:
            frames.append(joined[start : start + length])
            start += length
    if start != len(joined):
        raise Damaged("a message whose frames do not fit its envelope")
    return [*frames, *rest]
