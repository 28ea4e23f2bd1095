"""Operations on subsets of the entries of a vector."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from decentralizepy.errors import MessageError
from decentralizepy.models.flat import Flat, tensors

Array = npt.NDArray[Any]


def count(alpha: float, size: int) -> int:
    """Return the number of entries in a fraction ``alpha`` of ``size``, at least 1."""
    return max(1, round(alpha * size))


def largest(vector: Array, k: int) -> Array:
    """Return the sorted indices (int32) of the k entries of largest magnitude.

    Ties go to the first entries; NaN counts as the largest.
    """
    if not k:
        return np.empty(0, np.int32)
    sizes = np.abs(vector)
    sizes[np.isnan(sizes)] = np.inf
    least = np.partition(sizes, -k)[-k]
    chosen = sizes > least
    ties = np.flatnonzero(sizes == least)
    chosen[ties[: k - np.count_nonzero(chosen)]] = True
    return np.flatnonzero(chosen).astype(np.int32)


def spread(places: Array, entries: Array, size: int) -> Array:
    """Return a float32 vector (size,) with ``entries`` at ``places``, 0 elsewhere.

    Raises
    ------
    MessageError
        If the indices are not ascending integers from 0 to size - 1, or the values are
        not equally many float32 numbers.
    """
    if places.dtype.kind not in "iu" or entries.dtype != np.float32:
        raise MessageError(f"indices of {places.dtype} for values of {entries.dtype}")
    if places.ndim != 1 or places.shape != entries.shape:
        raise MessageError(f"{places.shape} indices for {entries.shape} values")
    if places.size and not _rising(places.astype(np.int64), size):
        raise MessageError(f"indices not ascending within 0 to {size - 1}")
    vector = np.zeros(size, np.float32)
    vector[places] = entries
    return vector


def _rising(places: npt.NDArray[np.int64], size: int) -> bool:
    steps = np.diff(places, prepend=-1)
    return bool(steps.min() > 0 and places[-1] < size)


def whole_numbers(flat: Flat) -> torch.Tensor:
    """Return the positions in the model's vector that are integers in the model."""
    whole = [
        not tensor.is_floating_point() and not tensor.is_complex()
        for tensor in tensors(flat.model).values()
    ]
    marks = torch.repeat_interleave(torch.tensor(whole), torch.tensor(flat.lens))
    return marks.nonzero().squeeze(1)
