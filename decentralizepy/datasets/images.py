"""Images in memory, their partition among nodes and their validation set."""

import math
from collections.abc import Sized
from typing import Any, Literal

import numpy as np
import torch

from decentralizepy.datasets.batches import Indexable
from decentralizepy.datasets.Dataset import Dataset
from decentralizepy.datasets.feature_skew import FEATURE_SKEWS, Skewed, change_for
from decentralizepy.datasets.loading import load_sets
from decentralizepy.datasets.many import ManyOrders
from decentralizepy.datasets.options import check_validation, one_of
from decentralizepy.datasets.Partitioner import (
    DataPartitioner,
    DirichletDataPartitioner,
    Indices,
    KShardDataPartitioner,
    Partition,
    SimpleDataPartitioner,
)
from decentralizepy.datasets.pixels import Images, Labels, Pixels
from decentralizepy.datasets.skewed_partitioners import (
    ClassesDataPartitioner,
    QuantityDataPartitioner,
    ShardsDataPartitioner,
    check_classes,
)
from decentralizepy.errors import ConfigError, DataError
from decentralizepy.mappings.Linear import Linear
from decentralizepy.once import once
from decentralizepy.randomness import torch_seed

PARTITIONS = ("iid", "simple", "dirichlet", "kshard", "shards", "quantity", "classes")
# what a partition depends on, besides the labels
DIVIDED_BY = (
    "partition_niid",
    "random_seed",
    "num_partitions",
    "sizes",
    "even",
    "alpha",
    "shards",
    "classes",
    "num_classes",
    "validation_source",
    "validation_size",
)


class ImageDataset(Dataset):
    """An image classification data set, shared in memory by all nodes of a machine.

    A subclass defines ``read`` and its constants.

    Parameters
    ----------
    *place
        ``rank``, ``machine_id`` and ``mapping``.
    random_seed, only_local, train_dir, test_dir, sizes, test_batch_size
        As for :class:`~decentralizepy.datasets.Dataset.Dataset`.
    validation_source, validation_size
        Likewise. The validation set is drawn with ``random_seed``, out of the training
        set before it is divided, so it is the same on all nodes.
    partition_niid : str or bool, default "simple"
        ``iid`` or False: shuffled. ``simple``: in the order of the files.
        ``dirichlet``: label proportions drawn with ``alpha``. ``kshard`` or True:
        ``shards`` runs of the data sorted by label, cut by DecentralizePy's rule.
        ``shards``: ``shards`` equal pieces of the data sorted by label, dealt out at
        random (McMahan et al.). ``quantity``: shuffled, with numbers of samples drawn with
        ``alpha``. ``classes``: ``classes`` labels per node. The last three and
        ``dirichlet`` determine their own sizes. See
        :mod:`decentralizepy.datasets.Partitioner` and
        :mod:`decentralizepy.datasets.skewed_partitioners`.
    alpha : float, default 100
        Concentration for ``dirichlet`` and ``quantity``; the smaller, the more skew.
    shards : int, default 1
        Runs per node for ``kshard``, pieces per node for ``shards``.
    classes : int, default 2
        Labels per node for ``classes``.
    feature_skew : {"", "rotation", "colour"}, default ""
        Transform of the training images of the node with uid i, in any partition; test
        and validation images are not changed. ``rotation``: rotated by 90 degrees i % 4
        times. ``colour``: the three channels in order number i % 6; grayscale images
        inverted if i is odd. See
        :func:`decentralizepy.datasets.feature_skew.change_for`.

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
    """Whether the data set exists without a folder."""

    def __init__(
        self,
        *place: Any,
        partition_niid: str | bool | None = "simple",
        alpha: float = 100,
        shards: int = 1,
        classes: int = 2,
        feature_skew: Literal["", "rotation", "colour"] = "",
        **options: Any,
    ) -> None:
        super().__init__(*place, **options)
        self.partition_niid = _partition(partition_niid)
        self.alpha, self.shards, self.classes = alpha, shards, classes
        self._check_partition()
        if feature_skew:
            one_of(FEATURE_SKEWS, "feature_skew", feature_skew)
        self.feature_skew = feature_skew
        check_validation(self.validation_source, self.validation_size)
        self._find_sets()
        load_sets(self)

    @classmethod
    def prepare(
        cls,
        validation_source: str = "",
        validation_size: float | Literal[""] = "",
        **options: Any,
    ) -> None:
        check_validation(validation_source, validation_size)
        # and no such set is drawn: a long torch.randperm starts threads
        cls(-1, 0, Linear(1, 1), **options)

    @staticmethod
    def read(directory: str | None, train: bool) -> tuple[Pixels, Labels]:
        """Return pixels, (n, height, width, channels), and labels, (n,), of one set.

        The result is to be cached: it is what the nodes of a machine share.
        """
        raise NotImplementedError

    def _find_sets(self) -> None:
        """Note which sets there are to train, test and validate on."""
        if self.bundled:
            self.__training__ = self.__testing__ = True
        from_train = self.validation_source == "Train"
        source = self.__training__ if from_train else self.__testing__
        self.__validating__ = self.__validating__ and source

    def _images(self, directory: str | None, train: bool) -> Images:
        images = Images(*self.read(directory, train), self.highest)
        if not len(images):
            raise DataError(f"{directory}: no images in it")
        return images

    def not_at_once(self, flat: Any) -> str:
        kind, part = type(self), self.trainset
        for base, method in (
            (ImageDataset, "load_trainset"),
            (Dataset, "get_trainset"),
        ):
            if getattr(kind, method) is not getattr(base, method):
                return f"{kind.__name__} overrides {method}"
        known = self.parts[self.dataset_id]
        if type(part) is not Partition or not np.array_equal(part.index, known):
            return f"{kind.__name__} changes the samples of each node"
        return ""

    def many(self, uids: range, batch_size: int, shuffle: bool) -> ManyOrders:
        """Return the order in which many nodes iterate over their samples."""
        assert isinstance(self.trainset, Partition)
        data, parts = self.trainset.data, self.parts[uids.start : uids.stop]
        for uid, part in zip(uids, parts, strict=True):
            self._check_part(uid, part, data)
        return ManyOrders(self, parts, uids if shuffle else (), batch_size)

    def load_testset(self) -> None:
        """Set ``testset``."""
        images = self._images(self.test_dir or self.train_dir, False)
        self.testset = self._hold_out("Test", images)

    def load_trainset(self) -> None:
        """Set ``trainset``, this node's part."""
        images = self._images(self.train_dir or self.test_dir, True)
        if self.feature_skew == "rotation":
            _check_square(images)
        data = self._hold_out("Train", images)
        if self.dataset_id < 0:  # a service may validate on it, but has no part of it
            self.__training__ = False
            return
        self.parts = self._divide(images, data)
        part = Partition(data, self.parts[self.dataset_id])
        self._check_part(self.uid, part, data)
        self.trainset = self._skewed(part)

    def _check_part(self, uid: int, part: Sized, data: Sized) -> None:
        if not len(part):
            raise DataError(
                f"node {uid} gets none of the {len(data)} training samples: "
                f"expected fewer than {self.num_partitions} nodes or other sizes"
            )

    def _hold_out(self, source: str, data: Images) -> Images | Partition:
        """Take the validation set out of ``data``, if this is its source."""
        if not self.__validating__ or source != self.validation_source:
            return data
        generator = torch.Generator().manual_seed(torch_seed(self.random_seed))
        order = torch.randperm(len(data), generator=generator).numpy()
        # as torch.utils.data.random_split cuts [size, 1 - size]
        end = len(data) - int(len(data) * (1 - float(self.validation_size or 0)))
        if end == len(data):
            raise DataError(
                f"none of the {end} images of validation_source = {source} are left",
                section="DATASET",
                key="validation_size",
                value=self.validation_size,
            )
        self.validationset = Partition(data, order[:end])
        return Partition(data, order[end:])

    def _divide(self, images: Images, data: Images | Partition) -> list[Indices]:
        """Return the places in ``data`` of each node's samples."""
        own = type(self)._partitioner is not ImageDataset._partitioner
        key = ("parts", type(self), *(str(getattr(self, each)) for each in DIVIDED_BY))
        self.sizes = self.shares(len(data))
        if own:
            return self._partitioner(data).partitions
        return once(images.targets, key, lambda: self._partitioner(data).partitions)

    def _partitioner(self, data: Images | Partition) -> DataPartitioner:
        sizes = self.sizes = self.shares(len(data))
        seed = self.random_seed
        match self.partition_niid:
            case "iid":
                return DataPartitioner(data, sizes, seed)
            case "simple":
                return SimpleDataPartitioner(data, sizes, seed)
            case "dirichlet":
                return DirichletDataPartitioner(
                    data, sizes, seed, self.alpha, self.num_classes
                )
            case "shards":
                return ShardsDataPartitioner(data, sizes, seed, self.shards)
            case "quantity":
                return QuantityDataPartitioner(data, sizes, seed, self.alpha)
            case "classes":
                return ClassesDataPartitioner(data, sizes, seed, self.classes)
        dealt = KShardDataPartitioner(data, sizes, self.shards, seed)
        by_label = np.argsort(data.targets, kind="stable")
        dealt.partitions = [by_label[part] for part in dealt.partitions]
        return dealt

    def _skewed(self, part: Partition) -> Indexable:
        if not self.feature_skew:
            return part
        return Skewed(part, change_for(self.feature_skew, self.uid))

    def _check_partition(self) -> None:
        drawn = self.partition_niid in ("dirichlet", "quantity")
        if drawn and not 0 < self.alpha < math.inf:
            raise ConfigError(
                section="DATASET",
                key="alpha",
                value=self.alpha,
                expected="more than 0, and finite",
            )
        if self.shards < 1:
            raise ConfigError(
                section="DATASET",
                key="shards",
                value=self.shards,
                expected="at least 1",
            )
        if self.partition_niid == "classes":
            check_classes(self.classes, self.num_classes)


def _partition(name: str | bool | None) -> str:
    """Return which of ``PARTITIONS`` the option ``partition_niid`` means."""
    if not name:
        return "iid"
    if name is True:
        return "kshard"
    return one_of(PARTITIONS, "partition_niid", name)


def _check_square(images: Images) -> None:
    _, height, width, _ = images.pixels.shape
    if height != width:
        raise ConfigError(
            section="DATASET",
            key="feature_skew",
            value="rotation",
            expected=f"square images, not of {height}x{width} pixels",
        )
