"""Codec that quantizes values uniformly and packs them into as few bits as needed."""

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from decentralizepy.compression._arrays import from_float32, to_float32
from decentralizepy.compression._bits import pack, unpack
from decentralizepy.compression._frame import seal, unseal
from decentralizepy.compression.Compression import Array, Bytes, Compression
from decentralizepy.errors import ConfigError, MessageError

_CODEC = b"qua"
_SCALE = struct.Struct("<fI")
_MOST = 2**31 - 1

Floats = npt.NDArray[np.float32]


class Quantization(Compression):
    """Round each value to the nearest of 2k + 1 levels from -max to max.

    The step is max|x| / k, so the error is at most max|x| / (2k), plus float32 rounding;
    zeros and the largest value are preserved exactly. A level takes as many bits as 2k:
    16 by default. Indices are sent uncompressed.

    Parameters
    ----------
    float_precision : int, default 32767
        k, from 1 to 2**31 - 1.
    """

    def __init__(
        self, float_precision: int | None = 32767, *args: object, **kwargs: object
    ) -> None:
        super().__init__()
        k = 32767 if float_precision is None else float_precision
        if k != int(k) or not 1 <= k <= _MOST:
            raise ConfigError(
                f"float_precision = {k}: "
                f"Quantization takes a whole number of levels from 1 to {_MOST}"
            )
        self.k = int(k)

    def compress_float(self, values: Array) -> Bytes:
        """Return ``values`` encoded; ValueError if one of them is not finite."""
        kind, flat = to_float32(values)
        peak = _peak(flat)
        scale = self.k / peak if peak else 0.0
        levels = np.rint(np.multiply(flat, scale, dtype=np.float64)) + self.k
        body = _SCALE.pack(peak, self.k) + _pack(levels, self.k)
        return seal(_CODEC, kind, flat.size, body)

    def decompress_float(self, encoded: Any) -> Array:
        kind, count, body = unseal(_CODEC, "fF", encoded, self.limit)
        if body.size < _SCALE.size:
            raise MessageError("quantised values without their scale")
        peak, k = _SCALE.unpack(body[: _SCALE.size].data)
        if not (0 <= peak < np.inf and 1 <= k <= _MOST):
            raise MessageError(f"quantised values up to {peak} in {k} levels")
        levels = _unpack(body[_SCALE.size :], count, k)
        flat = (levels.astype(np.float64) - k) * (peak / k)
        return from_float32(kind, flat.astype(np.float32))


def _peak(flat: Floats) -> float:
    if not np.isfinite(flat).all():
        place = np.flatnonzero(~np.isfinite(flat))[0]
        raise ValueError(f"value {place} is {flat[place]}: only numbers are quantised")
    return float(np.abs(flat).max(initial=0))


def _pack(levels: npt.NDArray[np.float64], k: int) -> bytes:
    bits = (2 * k).bit_length()
    if bits in (8, 16, 32):
        return levels.astype(f"<u{bits // 8}").tobytes()
    return pack(levels.astype(np.uint64), np.full(levels.size, bits, np.uint64))


def _unpack(packed: Bytes, count: int, k: int) -> Array:
    bits = (2 * k).bit_length()
    if packed.size != -(-count * bits // 8):
        raise MessageError(f"{count} values of {bits} bits in {packed.size} bytes")
    if bits in (8, 16, 32):
        levels: Array = packed.view(f"<u{bits // 8}")
    else:
        levels = unpack(packed, np.full(count, bits, np.uint64))
    if levels.max(initial=0) > 2 * k:
        raise MessageError(f"level {levels.max()} of {2 * k}")
    return levels
