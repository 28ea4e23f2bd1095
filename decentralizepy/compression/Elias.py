"""Codec that encodes the gaps between indices in Elias-gamma code."""

from typing import Any

import numpy as np
import numpy.typing as npt

from decentralizepy.compression._arrays import from_gaps, to_gaps
from decentralizepy.compression._bits import Words, pack, unpack
from decentralizepy.compression._frame import seal, unseal
from decentralizepy.compression.Compression import Bytes, Compression, Indices
from decentralizepy.errors import MessageError

_CODEC = b"eli"


class Elias(Compression):
    """Encode each gap g between sorted indices in 2 floor(log2 g) + 1 bits.

    The gamma code of Elias (Universal codeword sets and representations of the
    integers, 1975): b = floor(log2 g) zeros, a one, and the b bits of g below its
    highest. The first gap is counted from -1. The zeros and ones of all codes come
    first, followed by all low bits, so that both parts are decoded without iterating
    over the codes. Values are sent uncompressed.
    """

    def compress(self, indices: Indices) -> Bytes:
        gaps = to_gaps(indices)
        widths = _floor_log2(gaps)
        ends = np.cumsum(widths + 1)
        unary = np.zeros(ends[-1] if ends.size else 0, np.uint8)
        unary[ends - 1] = 1
        low = (gaps ^ (1 << widths)).view(np.uint64)
        body = np.packbits(unary).tobytes() + pack(low, widths.view(np.uint64))
        return seal(_CODEC, "?", unary.size, body)

    def decompress(self, encoded: Any) -> npt.NDArray[np.int64]:
        # the zeros and ones never outnumber the sum of the gaps
        _, count, body = unseal(_CODEC, "?", encoded, self.limit)
        size = -(-count // 8)
        widths = _zeros_before_ones(body[:size], count)
        low = unpack(body[size:], widths)
        return from_gaps((low | (np.uint64(1) << widths)).view(np.int64))


def _floor_log2(gaps: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    exponents = (gaps.astype(np.float64).view(np.int64) >> 52) - 1023
    # from 2**53 on, the float may be rounded up to the next power of two
    floor: npt.NDArray[np.int64] = exponents - (gaps >> exponents == 0)
    return floor


def _zeros_before_ones(packed: Bytes, count: int) -> Words:
    """Return the number of zeros before each one in the first ``count`` bits."""
    if count > 8 * packed.size:
        raise MessageError(f"{count} bits of Elias codes in {packed.size} bytes")
    ones = np.flatnonzero(np.unpackbits(packed, count=count).view(np.bool_))
    if count and (not ones.size or ones[-1] != count - 1):
        raise MessageError("the last Elias code is truncated")
    widths = np.diff(ones, prepend=-1) - 1
    if widths.size and widths.max() > 62:
        raise MessageError(f"an Elias code of {widths.max()} zeros; 62 at most")
    return widths.view(np.uint64)
