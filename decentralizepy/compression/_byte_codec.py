"""Base class for codecs that use a general-purpose byte compressor."""

from typing import Any

import numpy as np

from decentralizepy.compression._arrays import (
    from_float32,
    from_gaps,
    to_float32,
    to_gaps,
)
from decentralizepy.compression._frame import Frame, seal, unseal
from decentralizepy.compression.Compression import Array, Bytes, Compression, Indices
from decentralizepy.errors import MessageError

_TYPES = {"I": "<u4", "q": "<i8", "f": "<f4", "F": "<f4"}


class ByteCodec(Compression):
    """Compress the gaps between indices, and the values, with a byte compressor.

    A subclass provides the compressor. Nothing is allocated for data that claims to
    contain more than ``limit`` items, or more than its bytes can expand to.
    """

    codec: bytes
    """Three bytes that identify the codec."""
    ratio: int
    """The most bytes that one compressed byte can expand to."""

    def squeeze(self, array: Array) -> bytes:
        """Return ``array``, of shape (n,), as compressed bytes."""
        raise NotImplementedError

    def expand(self, body: Bytes, dtype: str, count: int) -> Array:
        """Invert :meth:`squeeze`; the returned array is writable.

        Raises
        ------
        MessageError
            If ``body`` does not contain an array of this size.
        """
        raise NotImplementedError

    def compress(self, indices: Indices) -> Any:
        gaps = to_gaps(indices)
        kind = "I" if gaps.max(initial=0) < 1 << 32 else "q"
        body = self.squeeze(gaps.astype(_TYPES[kind]))
        return seal(self.codec, kind, gaps.size, body)

    def decompress(self, encoded: Any) -> Any:
        return from_gaps(self._open(self._unseal("Iq", encoded)))

    def compress_float(self, values: Array) -> Any:
        kind, flat = to_float32(values)
        body = self.squeeze(flat.astype("<f4", copy=False))
        return seal(self.codec, kind, flat.size, body)

    def decompress_float(self, encoded: Any) -> Any:
        frame = self._unseal("fF", encoded)
        flat = self._open(frame).astype(np.float32, copy=False)
        return from_float32(frame.kind, flat)

    def _unseal(self, kinds: str, encoded: Any) -> Frame:
        return unseal(self.codec, kinds, encoded, self.limit)

    def _open(self, frame: Frame) -> Array:
        dtype = _TYPES[frame.kind]
        size = frame.items * np.dtype(dtype).itemsize
        if size > self.ratio * frame.body.size:
            raise MessageError(f"{frame.body.size} bytes that say to hold {size}")
        return self.expand(frame.body, dtype, frame.items)
