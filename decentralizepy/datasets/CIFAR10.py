"""CIFAR-10: 32x32 color photographs in ten classes."""

from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from decentralizepy.config.order import in_order
from decentralizepy.datasets.images import ImageDataset
from decentralizepy.datasets.pixels import Labels, Pixels
from decentralizepy.datasets.sources.unpickle import Allowed, load
from decentralizepy.errors import DataError
from decentralizepy.models.cnn import CNN, LeNet
from decentralizepy.models.resnet8 import BasicBlock, ResNet8

__all__ = ["CIFAR10", "CNN", "BasicBlock", "LeNet", "ResNet8"]

NUM_CLASSES = 10
FOLDER = "cifar-10-batches-py"
TRAIN_FILES = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST_FILES = ("test_batch",)


class CIFAR10(ImageDataset):
    """50,000 + 10,000 photographs (Krizhevsky, 2009): x (3, 32, 32), 10 classes.

    Nodes never download it; use ``decentralizepy data download cifar10``.

    Parameters
    ----------
    train_dir, test_dir : str, default ""
        The folder that contains ``cifar-10-batches-py``; if empty, there is no training or
        no test.
    others
        As for :class:`~decentralizepy.datasets.images.ImageDataset`.
    """

    @in_order(
        3,
        "random_seed only_local train_dir test_dir sizes test_batch_size "
        "partition_niid alpha shards validation_source validation_size",
    )
    def __init__(self, *place: Any, **options: Any) -> None:
        super().__init__(*place, **options)

    @cached_property
    def transform(self) -> Any:
        """What torchvision's images are changed by, for a ``load_trainset`` of one's own."""
        from torchvision import transforms

        half = (0.5, 0.5, 0.5)
        return transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize(half, half)]
        )

    @staticmethod
    def read(directory: str | None, train: bool) -> tuple[Pixels, Labels]:
        return _read(str(directory), train)


@lru_cache
def _read(directory: str, train: bool) -> tuple[Pixels, Labels]:
    folder = Path(directory, FOLDER)
    if not folder.is_dir():
        raise DataError(
            f"no folder {FOLDER} there; `python download_dataset.py` makes "
            "one in ./eval/data",
            section="DATASET",
            key="train_dir" if train else "test_dir",
            value=directory,
        )
    parts = [_batch(folder / name) for name in (TRAIN_FILES if train else TEST_FILES)]
    labels = np.concatenate([labels for _, labels in parts])
    pixels = np.empty((len(labels), 32, 32, 3), np.uint8)
    ends = np.cumsum([len(data) for data, _ in parts])
    for (data, _), end in zip(parts, ends, strict=True):
        _interleave(data, pixels[end - len(data) : end])
    return pixels, labels


def _interleave(planes: Pixels, pixels: Pixels, block: int = 64) -> None:
    """Copy (n, 3, 32, 32) to (n, 32, 32, 3), in blocks that fit the cache."""
    for start in range(0, len(planes), block):
        part = slice(start, start + block)
        for channel in range(3):
            pixels[part, ..., channel] = planes[part, channel]


def _batch(path: Path) -> tuple[Pixels, Labels]:
    """Return one file's pixels, of shape (n, 3, 32, 32), and labels."""
    batch = load(path, _arrays(), encoding="bytes")
    data, labels = _entry(batch, "data"), _entry(batch, "labels")
    if not _fits(data, labels):
        raise DataError(
            f"{path}: expected `data`, rows of 3072 bytes, and as many `labels`, 0 to 9"
        )
    return data.reshape(-1, 3, 32, 32), np.array(labels, dtype=np.int64)


def _arrays() -> Allowed:
    """Return the content of a pickle of arrays."""
    rebuild = np.empty(0).__reduce__()[0]
    return {
        ("numpy.core.multiarray", "_reconstruct"): rebuild,
        ("numpy._core.multiarray", "_reconstruct"): rebuild,
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
    }


def _entry(batch: Any, key: str) -> Any:
    """Return an entry of a batch; keys are bytes in files written by Python 2."""
    if not isinstance(batch, dict):
        return None
    return batch.get(key.encode(), batch.get(key))


def _fits(data: Any, labels: Any) -> bool:
    return (
        isinstance(data, np.ndarray)
        and data.dtype == np.uint8
        and data.shape[1:] == (3072,)
        and isinstance(labels, list)
        and len(labels) == len(data)
        and set(map(type, labels)) <= {int}
        and set(labels) <= set(range(10))
    )
