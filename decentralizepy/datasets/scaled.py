"""Pixels as the numbers that models take; of small data sets, all in advance."""

import functools
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

SMALL = 1 << 22  # pixels, up to which all images are kept in float32, too


def scaled(pixels: Pixels, half: float) -> torch.Tensor:
    """Return pixels from 0 to 2 ``half`` as float32, from -1 to 1."""
    return torch.from_numpy(pixels).to(torch.float32).div_(half).sub_(1)


def scaled_once(pixels: Pixels, half: float) -> Floats | None:
    """Return the pixels of a small data set, scaled once for all nodes of a process.

    None for a large one, of which each batch is scaled when it is read.
    """
    return _kept(_Same(pixels), half) if pixels.size <= SMALL else None


def rows(array: Floats, index: Any) -> Floats:
    """Return a copy of ``array[index]``."""
    if isinstance(index, np.ndarray) and index.dtype == np.int64:
        return array.take(index, axis=0)  # in a quarter of the time
    return np.array(array[index])


class _Same:
    """An array as a key, equal only to itself."""

    def __init__(self, array: Pixels) -> None:
        self.array = array

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.array is other.array

    def __hash__(self) -> int:
        return id(self.array)


@functools.lru_cache(maxsize=4)  # of one run: training and test set
def _kept(pixels: _Same, half: float) -> Floats:
    # the same bits as from torch, which would start threads, before nodes are forked
    result = pixels.array.astype(np.float32)
    result /= np.float32(half)
    result -= 1
    return result
