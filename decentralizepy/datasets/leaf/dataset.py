"""Base class of data sets in LEAF's format, with samples by user."""

from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache
from typing import Any, ClassVar, Literal

import numpy as np
import torch

from decentralizepy.datasets.Dataset import Dataset
from decentralizepy.datasets.leaf.cache import Array, Codec, Records, open_records
from decentralizepy.datasets.leaf.overlap import copied_users
from decentralizepy.datasets.leaf.split import file_per_user
from decentralizepy.datasets.loading import load_sets
from decentralizepy.datasets.options import check_validation, one_of
from decentralizepy.datasets.Partitioner import (
    DataPartitioner,
    Partition,
    SimpleDataPartitioner,
)
from decentralizepy.errors import DataError
from decentralizepy.mappings.Linear import Linear

PARTITIONS = ("files", "users", "iid")

Convert = Callable[[torch.Tensor], torch.Tensor]


class Samples:
    """Samples on disk; a slice or an array of indices yields a batch ``(x, y)``.

    Parameters
    ----------
    x, y : array of shape (n, ...)
    convert : callable
        Converts a batch of x, a tensor of the dtype on disk, to the input of a model.
    """

    def __init__(self, x: Array, y: Array, convert: Convert) -> None:
        self.x, self.targets, self.convert = x, y, convert

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: Any) -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.as_tensor(self.x[index])
        y = torch.as_tensor(self.targets[index], dtype=torch.int64)
        return self.convert(x), y


class LeafDataset(Dataset):
    """Users' samples from folders of LEAF's JSON files (arXiv:1812.01097).

    A file holds ``{"users": [...], "num_samples": [...], "user_data": {user: {"x": [...],
    "y": [...]}}}``. The files of a folder are converted once, by the first process that
    needs them, into a cache next to them, which all processes memory-map, so nodes share
    the memory. All nodes are tested on all of ``test_dir``.

    A subclass defines ``codec``, ``convert`` and its number of classes.

    Parameters
    ----------
    *place
        ``rank``, ``machine_id`` and ``mapping``.
    random_seed, only_local, train_dir, test_dir, sizes, test_batch_size
        As for :class:`~decentralizepy.datasets.Dataset.Dataset`; ``sizes`` are fractions
        of the files, users or samples. Without them, the remainder of ``users`` and
        ``iid`` is spread over the nodes, and that of ``files`` goes to the last node.
    validation_source, validation_size
        Likewise; the validation set is drawn with ``random_seed`` from the node's own
        partition or from the test set.
    partition_niid : {"files", "users", "iid"}, default "files"
        What is shuffled and distributed to the nodes: whole files, as in DecentralizePy,
        where a file is meant to be a client; users, the natural partition (by writer,
        role or account); or single samples.

    Raises
    ------
    ConfigError
        If the value of an option is invalid.
    DataError
        If the files are missing or damaged, or this node's partition is empty.
    """

    num_classes: int
    replaced: ClassVar = {
        "__read_file__": "codec, which turns records into arrays, or load_trainset",
        "__read_dir__": "codec, which turns records into arrays, or load_trainset",
    }
    test_stride = 1
    """Every n-th sample of the test set is used."""

    def __init__(
        self,
        *place: Any,
        partition_niid: Literal["files", "users", "iid"] = "files",
        **options: Any,
    ) -> None:
        super().__init__(*place, **options)
        check_validation(self.validation_source, self.validation_size)
        self.partition_niid = one_of(PARTITIONS, "partition_niid", partition_niid)
        load_sets(self)
        self.__validating__ = self.validationset is not None

    @classmethod
    def prepare(cls, **options: Any) -> None:
        cls(-1, 0, Linear(1, 1), **options)

    def codec(self) -> Codec:
        """Return the codec that converts records to arrays."""
        raise NotImplementedError

    def convert(self, x: torch.Tensor) -> torch.Tensor:
        """Convert a batch from its dtype on disk to the input of a model."""
        return x

    @staticmethod
    def file_per_user(directory: str, write_dir: str) -> None:
        """Split the files of a folder by user: see `decentralizepy.datasets.leaf.split`."""
        file_per_user(directory, write_dir)

    def get_client_ids(self) -> list[str]:
        """Return the users whose samples this node trains on."""
        return [self._users[number] for number in np.unique(self._clients()).tolist()]

    def get_client_id(self, index: int) -> str:
        """Return the user to whom this node's training sample ``index`` belongs."""
        return self._users[int(self._clients()[index])]

    @cached_property
    def clients(self) -> list[str]:
        """The users whose samples this node trains on."""
        return self.get_client_ids()

    @cached_property
    def num_samples(self) -> list[int]:
        """How many of this node's samples belong to each of ``clients``."""
        counts: list[int] = np.unique(self._clients(), return_counts=True)[1].tolist()
        return counts

    @cached_property
    def train_x(self) -> Any:
        """The node's training samples, as an array that is created on first access."""
        return self._present(self.trainset, "training")[:][0].numpy()

    @cached_property
    def train_y(self) -> Any:
        """Their labels."""
        return self._present(self.trainset, "training")[:][1].numpy()

    @cached_property
    def test_x(self) -> Any:
        """The test samples, as an array that is created on first access."""
        return self._present(self.testset, "test")[:][0].numpy()

    @cached_property
    def test_y(self) -> Any:
        """Their labels."""
        return self._present(self.testset, "test")[:][1].numpy()

    def get_label_distribution(self) -> list[int]:
        if not isinstance(self.trainset, Partition):  # a subclass has loaded it
            return super().get_label_distribution()
        labels = self.trainset.targets
        counts: list[int] = np.bincount(labels, minlength=self.num_classes).tolist()
        return counts

    def remarks(self) -> Iterator[tuple[str, bool]]:
        """Yield a remark about users who are tested on their training samples."""
        if self.train_dir and self.test_dir:
            train, test = (
                open_records(directory, self.codec())
                for directory in (self.train_dir, self.test_dir)
            )
            if copied := copied_users(train, test):
                names = ", ".join(copied[:3]) + ", ..." * (len(copied) > 3)
                yield (
                    f"{self.test_dir}: {len(copied)} of {len(test.users)} users are "
                    f"tested on their own training samples: {names}",
                    False,
                )

    def _clients(self) -> Array:
        """Return the number of the user of each training sample."""
        places = self._part().index
        numbers: Array = np.searchsorted(self._stops, places, side="right")
        return numbers

    def _part(self) -> Partition:
        part = self._present(self.trainset, "training")
        assert isinstance(part, Partition)
        return part

    def load_testset(self) -> None:
        """Set ``testset``: all of ``test_dir``."""
        records = open_records(str(self.test_dir), self.codec())
        chosen = np.arange(0, len(records.y), self.test_stride)
        self.testset = self._hold_out("Test", records, chosen)

    def load_trainset(self) -> None:
        """Set ``trainset``: this node's partition of ``train_dir``."""
        records = open_records(str(self.train_dir), self.codec())
        bounds = _bounds(records, self.partition_niid)
        units = _shuffled(len(bounds) - 1, self.random_seed)
        if self.dataset_id < 0:  # a service has no partition
            self.__training__ = False
            return
        self._users = [user.name for user in records.users]
        self._stops = [user.stop for user in records.users]
        if len(units) < self.num_partitions:
            raise DataError(self._too_few(records))
        self.sizes = self.shares(len(units), even=self.partition_niid != "files")
        mine = SimpleDataPartitioner(units, self.sizes).partitions[self.dataset_id]
        places = _join(bounds[units[mine]], bounds[units[mine] + 1])
        if not len(places):
            raise DataError(
                f"node {self.uid} gets no training samples of {self.train_dir}: expected "
                f"fewer than {self.num_partitions} nodes or other sizes"
            )
        self.trainset = self._hold_out("Train", records, places)

    def _hold_out(self, source: str, records: Records, places: Array) -> Partition:
        """Split the validation set off ``places`` if this is its source."""
        samples = Samples(records.x, records.y, self.convert)
        if self.__validating__ and source == self.validation_source:
            count = int(len(places) * float(self.validation_size or 0))
            if not count:
                raise DataError(
                    f"leaves none of the {len(places)} samples of node "
                    f"{self.uid} for validation",
                    section="DATASET",
                    key="validation_size",
                    value=self.validation_size,
                )
            rng = np.random.RandomState(self.random_seed % 2**32)
            held = rng.choice(len(places), count, replace=False)
            self.validationset = Partition(samples, places[held])
            places = np.delete(places, held)
        return Partition(samples, places)

    def _too_few(self, records: Records) -> str:
        files, users = len(records.files), len(records.users)
        found = f"{files} files with {users} users and {len(records.y)} samples"
        hint = (
            "; partition_niid = users splits by user"
            if self.partition_niid == "files" and users >= self.num_partitions
            else ""
        )
        return (
            f"[DATASET] train_dir = {self.train_dir}: {found} cannot be distributed to "
            f"{self.num_partitions} nodes by partition_niid = {self.partition_niid}{hint}"
        )


def _bounds(records: Records, unit: str) -> Array:
    """Return where each file, user or sample starts, and where the last ends."""
    if unit == "iid":
        return np.arange(len(records.y) + 1)
    if unit == "users":
        return np.array([0, *(user.stop for user in records.users)])
    stops = {user.file: user.stop for user in records.users}
    return np.array([0, *stops.values()])


@lru_cache  # a forked node reuses its launcher's
def _shuffled(count: int, seed: int) -> Array:
    """Return 0 to ``count`` - 1, shuffled as by all partitioners."""
    return DataPartitioner(range(count), seed=seed).partitions[0]


def _join(starts: Array, stops: Array) -> Array:
    """Return the concatenated indices of the ranges."""
    lengths = stops - starts
    shifts = starts - np.cumsum(lengths) + lengths
    return np.repeat(shifts, lengths) + np.arange(lengths.sum())
