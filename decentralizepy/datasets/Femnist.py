"""FEMNIST: handwritten digits and letters, by writer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from decentralizepy.datasets.leaf.cache import (
    Array,
    Codec,
    RecordError,
    encode_labels,
)
from decentralizepy.datasets.leaf.dataset import LeafDataset
from decentralizepy.models.femnist import CNN, RNET, LogisticRegression

__all__ = ["CNN", "RNET", "Femnist", "LogisticRegression"]

CLASSES = NUM_CLASSES = 62
SIDE = 28
IMAGE_SIZE, FLAT_SIZE = (SIDE, SIDE), SIDE * SIDE
PIXEL_RANGE = 256.0


class Femnist(LeafDataset):
    """Characters of some 3,500 writers (arXiv:1812.01097): x (1, 28, 28), 62 classes.

    x has float32 values as in the file, 0 to 1 in LEAF's. Training drops an incomplete
    last batch, unless it is the only one. The options are those of
    :class:`~decentralizepy.datasets.leaf.dataset.LeafDataset`.
    """

    num_classes = CLASSES
    drop_last = True

    def codec(self) -> Codec:
        return _Codec()


class _Codec:
    name, version = "femnist", 1
    record, label = list[float], int
    sources: Sequence[Path] = ()

    def encode(self, x: list[Any], y: list[Any]) -> tuple[Array, Array]:
        for number, pixels in enumerate(x):
            if len(pixels) != SIDE * SIDE:
                reason = f"{len(pixels)} pixels in x: expected {SIDE * SIDE}"
                raise RecordError(number, reason)
        with np.errstate(over="ignore"):  # values that are too large become infinite
            images = np.array(x, dtype=np.float32).reshape(len(x), 1, SIDE, SIDE)
        finite = np.isfinite(images).all(axis=(1, 2, 3))
        if not finite.all():
            raise RecordError(int(finite.argmin()), "a pixel in x is not finite")
        return images, encode_labels(y, CLASSES)
