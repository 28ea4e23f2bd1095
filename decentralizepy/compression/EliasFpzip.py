"""Codec with Elias-gamma codes for indices and lossless fpzip for values."""

from typing import Any

import numpy as np
import numpy.typing as npt

from decentralizepy.compression._arrays import from_float32, to_float32
from decentralizepy.compression._fpzip_head import read_head
from decentralizepy.compression._frame import seal, unseal
from decentralizepy.compression.Compression import Array, Bytes
from decentralizepy.compression.Elias import Elias
from decentralizepy.errors import MessageError

_CODEC = b"fpz"


class EliasFpzip(Elias):
    """Compress values losslessly, to about 3.7 bytes each if normally distributed.

    fpzip encodes the difference of each value from the previous one (Lindstrom and
    Isenburg, Fast and efficient compression of floating-point data, 2006). Its C++
    decoder trusts its input and indexes tables with it. Only the sizes stated in a
    stream are checked here, and a checksum detects accidental damage: a malicious peer
    can crash a node, or worse. On untrusted networks, use
    :class:`~decentralizepy.compression.Zstd.Zstd`, or ``security = mac``.
    """

    precision = 0

    def compress_float(self, values: Array) -> Bytes:
        kind, flat = to_float32(values)
        body = _encode(flat, self.precision) if flat.size else b""
        return seal(_CODEC, kind, flat.size, body)

    def decompress_float(self, encoded: Any) -> Array:
        kind, count, body = unseal(_CODEC, "fF", encoded, self.limit)
        flat = _decode(body.tobytes(), count) if count else np.empty(0, np.float32)
        return from_float32(kind, flat)


def _encode(flat: npt.NDArray[np.float32], precision: int) -> bytes:
    import fpzip

    rows = np.require(flat, requirements="W")[np.newaxis]  # fpzip wants it writable
    if not 0 < precision <= 16:
        # fpzip 1.2.5 overruns its buffer if the output exceeds the values by over 96 bytes
        # (one may take 47 bits): a row of zeros enlarges the buffer at little cost
        rows = np.stack((flat, np.zeros_like(flat)))
    encoded: bytes = fpzip.compress(
        rows[:, np.newaxis, np.newaxis], precision=precision
    )
    return encoded


def _decode(body: bytes, count: int) -> npt.NDArray[np.float32]:
    import fpzip

    head = read_head(body)
    if head.double:
        raise MessageError("fpzip values must be float32, not float64")
    if head.shape not in ((count, 1, 1, 1), (count, 1, 1, 2)):
        raise MessageError(f"{head.shape} fpzip values; {count} were announced")
    try:
        decoded = fpzip.decompress(body)
    except (fpzip.FpzipError, MemoryError, ValueError) as error:
        raise MessageError(f"values that fpzip cannot read: {error}") from None
    flat: npt.NDArray[np.float32] = decoded.reshape(-1)[:count]
    return flat
