"""Packing of integers into consecutive bit fields of given widths."""

import numpy as np
import numpy.typing as npt

from decentralizepy.compression.Compression import Bytes
from decentralizepy.errors import MessageError

Words = npt.NDArray[np.uint64]


def _places(widths: Words) -> tuple[Words, Words, int]:
    """Return each field's 64-bit word, its first bit in it, and the total bytes."""
    ends = np.cumsum(widths, dtype=np.uint64)
    starts = ends - widths
    total = int(ends[-1]) if ends.size else 0
    return starts >> np.uint64(6), starts & np.uint64(63), -(-total // 8)


def pack(values: Words, widths: Words) -> bytes:
    """Return the fields, most significant bit first; the last byte is zero-padded.

    Parameters
    ----------
    values, widths : numpy.ndarray of uint64, shape (n,)
        Widths are 0 to 63 bits, and each value is below 2**width.
    """
    word, used, size = _places(widths)
    words = np.zeros(size // 8 + 2, np.uint64)
    if values.size:
        # NumPy shifts by 64 or more give 0, which the empty parts rely on
        top = values << (64 - widths)
        first = np.flatnonzero(np.diff(word, prepend=word[0] + np.uint64(1)))
        words[word[first]] = np.bitwise_or.reduceat(top >> used, first)
        over = np.flatnonzero(used + widths > 64)  # at most one per word
        words[word[over] + np.uint64(1)] |= top[over] << (64 - used[over])
    return words.astype(">u8").tobytes()[:size]


def unpack(packed: Bytes, widths: Words) -> Words:
    """Invert :func:`pack`.

    Raises
    ------
    MessageError
        If the length of ``packed`` does not match the widths.
    """
    word, used, size = _places(widths)
    if packed.size != size:
        raise MessageError(f"{packed.size} bytes of bit fields, not {size}")
    padded = np.zeros(size // 8 * 8 + 16, np.uint8)
    padded[:size] = packed
    words = padded.view(">u8").astype(np.uint64)
    top = (words[word] << used) | (words[word + np.uint64(1)] >> (64 - used))
    values: Words = top >> (64 - widths)
    return values
