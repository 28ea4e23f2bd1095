"""Images in memory, their partition among nodes and their validation set."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from decentralizepy.datasets.Dataset import Dataset
from decentralizepy.datasets.Partitioner import (
    DataPartitioner,
    DirichletDataPartitioner,
    KShardDataPartitioner,
    Partition,
    SimpleDataPartitioner,
)
from decentralizepy.errors import ConfigError, DataError
from decentralizepy.mappings.Linear import Linear
from decentralizepy.mappings.Mapping import Mapping
from decentralizepy.nearest import did_you_mean

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]

PARTITIONS = ("iid", "simple", "dirichlet", "kshard")
SOURCES = ("Train", "Test")


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
        self._labels, self._half = torch.from_numpy(labels), highest / 2

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: Any) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.pixels[index].movedim(-1, -3).to(torch.float32)
        return x.div_(self._half).sub_(1), self._labels[index]


class ImageDataset(Dataset):
    """A classification set of images that all nodes of a machine hold once.

    A subclass states ``read`` and its numbers.

    Parameters
    ----------
    rank, machine_id, mapping, random_seed, only_local, train_dir, test_dir, sizes
        As for :class:`~decentralizepy.datasets.Dataset.Dataset`.
    test_batch_size, validation_source, validation_size
        Likewise. The validation set is drawn with ``random_seed``, out of the training
        set before it is divided, so it is the same on all nodes.
    partition_niid : str or bool, default "simple"
        ``iid`` or False: shuffled. ``simple``: in the order of the files.
        ``dirichlet``: label mixes drawn with ``alpha``. ``kshard`` or True: ``shards``
        runs of the data sorted by label. See :mod:`decentralizepy.datasets.Partitioner`.
    alpha : float, default 100
        Concentration for ``dirichlet``; a small one gives each node few labels.
    shards : int, default 1
        Runs in a node's part for ``kshard``.

    Raises
    ------
    ConfigError
        If an option has a value that it cannot have.
    DataError
        If the files are not there or damaged, or this node's part is empty.
    """

    num_classes: int = 10
    highest = 255
    bundled = False
    """Whether the set is there without a folder, to train and to test."""

    def __init__(
        self,
        rank: int,
        machine_id: int,
        mapping: Mapping,
        random_seed: int = 1234,
        only_local: bool = False,
        train_dir: str = "",
        test_dir: str = "",
        sizes: str | Sequence[float] = "",
        test_batch_size: int | Literal[""] = "",
        validation_source: str = "",
        validation_size: float | Literal[""] = "",
        partition_niid: str | bool | None = "simple",
        alpha: float = 100,
        shards: int = 1,
    ) -> None:
        super().__init__(
            rank,
            machine_id,
            mapping,
            random_seed,
            only_local,
            train_dir,
            test_dir,
            sizes,
            test_batch_size,
            validation_source,
            validation_size,
        )
        self.partition_niid = _partition(partition_niid)
        self.alpha, self.shards = alpha, shards
        _check_partition(self.partition_niid, alpha, shards)
        _check_validation(validation_source, validation_size)
        if self.bundled:
            self.__training__ = self.__testing__ = True
        self.__validating__ = self.__validating__ and (
            self.__training__ if validation_source == "Train" else self.__testing__
        )
        if self.__training__:
            self._load_trainset()
        if self.__testing__:
            images = self._images(self.test_dir or self.train_dir, False)
            self.testset = self._hold_out("Test", images)

    @classmethod
    def prepare(
        cls,
        validation_source: str = "",
        validation_size: float | Literal[""] = "",
        **options: Any,
    ) -> None:
        _check_validation(validation_source, validation_size)
        # and no such set is drawn: a long torch.randperm starts threads
        cls(-1, 0, Linear(1, 1), **options)

    @staticmethod
    def read(directory: str | None, train: bool) -> tuple[Pixels, Labels]:
        """Return pixels, (n, height, width, channels), and labels, (n,), of one set.

        The result is to be cached: it is what the nodes of a machine share.
        """
        raise NotImplementedError

    def _images(self, directory: str | None, train: bool) -> Images:
        images = Images(*self.read(directory, train), self.highest)
        if not len(images):
            raise DataError(f"{directory}: no images in it")
        return images

    def _load_trainset(self) -> None:
        images = self._images(self.train_dir or self.test_dir, True)
        data = self._hold_out("Train", images)
        if self.dataset_id < 0:  # a service may validate on it, but has no part of it
            self.__training__ = False
            return
        self.trainset = self._partitioner(data).use(self.dataset_id)
        if not len(self.trainset):
            raise DataError(
                f"node {self.uid} gets none of the {len(data)} training samples: "
                f"expected fewer than {self.num_partitions} nodes or other sizes"
            )

    def _hold_out(self, source: str, data: Images) -> Images | Partition:
        """Take the validation set out of ``data``, if this is its source."""
        if not self.__validating__ or source != self.validation_source:
            return data
        generator = torch.Generator().manual_seed(self.random_seed)
        order = torch.randperm(len(data), generator=generator).numpy()
        # as torch.utils.data.random_split cuts [size, 1 - size]
        end = len(data) - int(len(data) * (1 - float(self.validation_size or 0)))
        if end == len(data):
            raise DataError(
                f"[DATASET] validation_size = {self.validation_size} leaves none of the "
                f"{end} images of validation_source = {source}"
            )
        self.validationset = Partition(data, order[:end])
        return Partition(data, order[end:])

    def _partitioner(self, data: Images | Partition) -> DataPartitioner:
        sizes = self.sizes = self.shares(len(data))
        seed = self.random_seed
        if self.partition_niid == "iid":
            return DataPartitioner(data, sizes, seed)
        if self.partition_niid == "simple":
            return SimpleDataPartitioner(data, sizes, seed)
        if self.partition_niid == "dirichlet":
            return DirichletDataPartitioner(
                data, sizes, seed, self.alpha, self.num_classes
            )
        by_label = Partition(data, np.argsort(data.targets, kind="stable"))
        return KShardDataPartitioner(by_label, sizes, self.shards, seed)


def _partition(name: str | bool | None) -> str:
    """Return which of ``PARTITIONS`` the option ``partition_niid`` means."""
    if not name:
        return "iid"
    if name is True:
        return "kshard"
    return _one_of(PARTITIONS, "partition_niid", name)


def _check_partition(name: str, alpha: float, shards: int) -> None:
    if name == "dirichlet" and not alpha > 0:
        raise ConfigError(f"[DATASET] alpha = {alpha}: expected more than 0")
    if shards < 1:
        raise ConfigError(f"[DATASET] shards = {shards}: expected at least 1")


def _check_validation(source: str, size: float | Literal[""]) -> None:
    if source:
        _one_of(SOURCES, "validation_source", source)
    if size and not 0 < size < 1:
        raise ConfigError(
            f"[DATASET] validation_size = {size}: expected a fraction between 0 and 1"
        )


def _one_of(names: tuple[str, ...], key: str, name: str) -> str:
    if name in names:
        return name
    raise ConfigError(
        f"[DATASET] {key} = {name}: expected one of {', '.join(names)}"
        + did_you_mean(name, names)
    )
