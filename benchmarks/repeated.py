"""Digits, each of them many times, so that any number of nodes has some."""

from functools import lru_cache
from typing import Any

import numpy as np

from decentralizepy.datasets.Digits import CNN, MLP, Digits
from decentralizepy.datasets.pixels import Images, Labels, Pixels

__all__ = ["CNN", "MLP", "RepeatedDigits"]


class RepeatedDigits(Digits):
    """The digits in their order, over and over.

    Parameters
    ----------
    *place, **options
        As for :class:`decentralizepy.datasets.Digits.Digits`.
    samples : int, default 1438
        How many training samples there are.
    """

    def __init__(self, *place: Any, samples: int = 1438, **options: Any) -> None:
        self.samples = samples
        super().__init__(*place, **options)

    def _images(self, directory: str | None, train: bool) -> Images:
        if not train:
            return super()._images(directory, train)
        return Images(*_repeated(self.samples), self.highest)


@lru_cache
def _repeated(samples: int) -> tuple[Pixels, Labels]:
    pixels, labels = Digits.read(None, True)
    places = np.arange(samples) % len(labels)
    return pixels[places], labels[places]
