"""Images in memory; the pixels of small sets as the numbers that models take."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from decentralizepy.once import once

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

SMALL = 1 << 22  # pixels, up to which all images are kept in float32, too


class Images:
    """Images and labels; at a place, a slice or an array of places: ``(x, y)``.

    x has float32 values in [-1, 1] and shape (channels, height, width), or
    (batch, channels, height, width) in the memory format channels_last; y is int64.

    Parameters
    ----------
    pixels : array of uint8, shape (n, height, width, channels)
        Not copied.
    labels : array of int64, shape (n,)
    highest : int
        The pixel value that becomes 1; 0 becomes -1.
    """

    def __init__(self, pixels: Pixels, labels: Labels, highest: int) -> None:
        self.pixels, self.targets = torch.from_numpy(pixels), labels
        self._pixels, self._half = pixels, highest / 2
        self._scaled = scaled_once(pixels, self._half)

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: Any) -> tuple[torch.Tensor, torch.Tensor]:
        # NumPy's indexing is faster than torch's
        if self._scaled is None:
            x = scaled(self._pixels[index], self._half)
        else:
            x = torch.from_numpy(rows(self._scaled, index))
        labels = torch.from_numpy(np.asarray(self.targets[index]))
        return x.movedim(-1, -3), labels


def scaled(pixels: Pixels, half: float) -> torch.Tensor:
    """Return pixels from 0 to 2 ``half`` as float32, from -1 to 1."""
    return torch.from_numpy(pixels).to(torch.float32).div_(half).sub_(1)


def scaled_once(pixels: Pixels, half: float) -> Floats | None:
    """Return the pixels of a small data set, scaled once for all nodes of a process.

    None for a large one, of which each batch is scaled when it is read.
    """
    if pixels.size > SMALL:
        return None
    return once(pixels, ("scaled", half), lambda: _scaled(pixels, half))


def rows(array: Floats, index: Any) -> Floats:
    """Return a copy of ``array[index]``."""
    if isinstance(index, np.ndarray) and index.dtype == np.int64:
        return array.take(index, axis=0)  # in a quarter of the time
    return np.array(array[index])


def _scaled(pixels: Pixels, half: float) -> Floats:
    # the same bits as from torch, which would start threads, before nodes are forked
    result = pixels.astype(np.float32)
    result /= np.float32(half)
    result -= 1
    return result
