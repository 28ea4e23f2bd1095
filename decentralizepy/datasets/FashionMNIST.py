"""Fashion-MNIST: 28x28 grayscale images of clothing."""

import gzip
import math
import zlib
from functools import lru_cache
from pathlib import Path

import numpy as np

from decentralizepy.datasets.images import ImageDataset
from decentralizepy.datasets.pixels import Labels, Pixels
from decentralizepy.errors import DataError
from decentralizepy.models import cnn

INSTALLED = "/usr/share/datasets/fashion-mnist"
INSTALL = "apt-get install dataset-fashion-mnist"


class FashionMNIST(ImageDataset):
    """60,000 + 10,000 grey images (arXiv:1708.07747): x (1, 28, 28), 10 classes.

    Parameters
    ----------
    train_dir, test_dir : str, default ""
        A folder with the idx files, gzipped or not, directly or in ``FashionMNIST/raw``.
        If empty, the files of the Debian package ``dataset-fashion-mnist`` are used.
    others
        As for :class:`~decentralizepy.datasets.images.ImageDataset`.
    """

    bundled = True

    @staticmethod
    def read(directory: str | None, train: bool) -> tuple[Pixels, Labels]:
        return _read(directory or INSTALLED, train)


class CNN(cnn.CNN):
    """LeNet-5 with ReLU and max pooling: 44,426 parameters."""

    def __init__(self) -> None:
        super().__init__(channels=1, side=28)


class LeNet(cnn.LeNet):
    """Three convolutions with group normalization: 83,754 parameters."""

    def __init__(self) -> None:
        super().__init__(channels=1, side=28)


@lru_cache
def _read(directory: str, train: bool) -> tuple[Pixels, Labels]:
    prefix = "train" if train else "t10k"
    pixels = _idx(_find(directory, f"{prefix}-images-idx3-ubyte"), dimensions=3)
    labels = _idx(_find(directory, f"{prefix}-labels-idx1-ubyte"), dimensions=1)
    if pixels.shape[1:] != (28, 28) or len(pixels) != len(labels) or (labels > 9).any():
        raise DataError(
            f"{directory}: expected as many labels, 0 to 9, as images of 28x28 in the "
            f"{prefix} files, not {labels.shape} and {pixels.shape}"
        )
    return pixels[..., np.newaxis], labels.astype(np.int64)


def _find(directory: str, name: str) -> Path:
    for folder in (Path(directory), Path(directory, "FashionMNIST", "raw")):
        for path in (folder / name, folder / f"{name}.gz"):
            if path.is_file():
                return path
    raise DataError(
        f"{directory}: contains neither {name} nor {name}.gz; run `{INSTALL}` and leave "
        "train_dir and test_dir empty"
    )


def _idx(path: Path, dimensions: int) -> Pixels:
    """Read a file of bytes in the idx format (LeCun, the MNIST database)."""
    try:
        raw = path.read_bytes()
        content = bytearray(gzip.decompress(raw) if path.suffix == ".gz" else raw)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    start = 4 + 4 * dimensions
    ends = range(8, start + 4, 4)
    shape = [int.from_bytes(content[end - 4 : end], "big") for end in ends]
    size = len(content) - start
    if content[:4] != bytes([0, 0, 8, dimensions]) or size != math.prod(shape):
        raise DataError(f"{path}: damaged: not {dimensions}-dimensional idx data")
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)
