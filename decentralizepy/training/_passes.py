"""The batches of a node's partition, pass after pass, from where a checkpoint left off."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Protocol

import torch

from decentralizepy.checkpoints import Stateful
from decentralizepy.errors import DataError
from decentralizepy.training import _device
from decentralizepy.training.last_batch import check_single, ends_with_one


class Loader(Protocol):
    """An iterable over batches, with their number."""

    def __iter__(self) -> Iterator[Any]: ...

    def __len__(self) -> int: ...


class Trainset(Protocol):
    """What training requires of a data set."""

    def get_trainset(self, batch_size: int = 1, shuffle: bool = False) -> Loader: ...


class Passes(Stateful):
    """Yields a data set's batches; a call continues where the last one stopped.

    Attributes
    ----------
    epoch_start : torch.Tensor
        The state of the data set's generator when the present pass began.
    batches_done : int
        Batches of that pass so far.
    """

    checkpointed: tuple[str, ...] = ("epoch_start", "batches_done")
    derived: tuple[str, ...] = ("_batches",)

    model: torch.nn.Module
    batch_size: int
    shuffle: bool
    memory_format: torch.memory_format | None

    def start_passes(self) -> None:
        """Begin with the first batch."""
        self._batches: Iterator[Any] | None = None
        self.epoch_start, self.batches_done = torch.empty(0), 0

    def next_batches(self, dataset: Trainset, count: int) -> Iterator[Any]:
        """Return the next ``count`` batches."""
        if self._batches is None:
            self._batches = self._endless(dataset)
        return islice(self._batches, count)

    def _endless(self, dataset: Trainset) -> Iterator[Any]:
        while True:
            yield from self._resumable(dataset)

    def _resumable(self, dataset: Trainset) -> Iterator[Any]:
        """Yield the batches of an epoch, from the position restored by a checkpoint."""
        generator = getattr(dataset, "generator", torch.default_generator)
        now, done = generator.get_state(), self.batches_done
        if done:
            generator.set_state(self.epoch_start)
        else:
            self.epoch_start = now
        batches = self._epoch(dataset)
        for _ in islice(batches, done):
            pass
        if done:
            generator.set_state(now)
        for batch in batches:
            self.batches_done += 1
            yield batch
        self.batches_done = 0

    def _loader(self, dataset: Trainset) -> Loader:
        """Return the batches of a pass, of which there are some."""
        loader = dataset.get_trainset(self.batch_size, self.shuffle)
        if not len(loader):
            raise DataError(
                "this node's partition does not fill one batch",
                section="TRAIN_PARAMS",
                key="batch_size",
                value=self.batch_size,
            )
        return loader

    def _epoch(self, dataset: Trainset) -> Iterator[Any]:
        """Yield the batches of a pass."""
        loader = self._loader(dataset)
        for number, batch in enumerate(loader):
            if number == 0 and not isinstance(batch, Mapping) and ends_with_one(loader):
                one = self._placed([part[:1] for part in batch])
                check_single(self.model, loader, one)
            yield batch

    def _placed(self, batch: Any) -> tuple[Any, ...]:
        """Return the arguments of a step, moved to the model's device."""
        parts = (batch,) if isinstance(batch, Mapping) else batch
        device = _device.of(self.model)
        return tuple(_device.place(part, device, self.memory_format) for part in parts)
