"""Conversion between indices and gaps, and between values and float32 rows."""

from collections.abc import Set
from typing import Any

import numpy as np
import numpy.typing as npt

from decentralizepy.compression.Compression import Array, Indices
from decentralizepy.errors import MessageError

_LARGEST = 2**63 - 2


def to_gaps(indices: Indices) -> npt.NDArray[np.int64]:
    """Return the first index + 1, then the gaps between sorted indices: all >= 1.

    Raises
    ------
    ValueError
        If the indices are not distinct integers from 0 to 2**63 - 2.
    """
    given = np.asarray(list(indices) if isinstance(indices, Set) else indices).ravel()
    if not given.size:
        return np.empty(0, np.int64)
    if given.dtype.kind not in "iu":
        raise ValueError(f"indices must be whole numbers, not {given.dtype}")
    for extreme in (given.min(), given.max()):
        if not 0 <= extreme <= _LARGEST:
            raise ValueError(f"index {extreme}: indices are from 0 to 2**63 - 2")
    gaps = _differences(given)
    if gaps.min() < 1:
        given = np.sort(given)
        gaps = _differences(given)
    if gaps.min() < 1:
        twice = given[gaps < 1][0]
        raise ValueError(f"index {twice} is there twice: indices must be distinct")
    return gaps


def _differences(given: Array) -> npt.NDArray[np.int64]:
    numbers = np.concatenate(([-1], given), dtype=np.int64, casting="unsafe")
    gaps: npt.NDArray[np.int64] = numbers[1:] - numbers[:-1]
    return gaps


def from_gaps(gaps: Array) -> npt.NDArray[np.int64]:
    """Invert :func:`to_gaps`.

    Raises
    ------
    MessageError
        If a gap is below 1, or an index is above 2**63 - 2.
    """
    after = np.cumsum(gaps, dtype=np.int64)
    # the first sum above the limit overflows to a negative one, as gaps are below 2**63
    if gaps.size and (gaps.min() < 1 or after.min() < 1):
        raise MessageError(
            "compressed indices that are not distinct or above 2**63 - 2"
        )
    return after - 1


def to_float32(values: Any) -> tuple[str, npt.NDArray[np.float32]]:
    """Return the type of ``values``, ``"f"`` or ``"F"``, and the values as one float32 row.

    Raises
    ------
    ValueError
        If they are neither float32 nor complex64, or not of shape (n,).
    """
    array = np.asarray(values)
    if array.dtype not in (np.float32, np.complex64) or array.ndim != 1:
        raise ValueError(
            "values must be float32 or complex64 of shape (n,), "
            f"not {array.dtype} of shape {array.shape}"
        )
    return array.dtype.char, np.ascontiguousarray(array).view(np.float32)


def from_float32(kind: str, flat: npt.NDArray[np.float32]) -> Array:
    """Invert :func:`to_float32`.

    Raises
    ------
    MessageError
        If complex values have an odd number of parts.
    """
    if kind == "F" and flat.size % 2:
        raise MessageError(f"complex values of {flat.size} parts")
    return flat.view(kind)
