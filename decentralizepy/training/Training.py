"""Local training: mini-batches or epochs of a node's own partition."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Protocol

import torch

from decentralizepy.errors import DataError

EVALUATION_BATCH = 16  # activations of more images than these leave the cache

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


class Loader(Protocol):
    """What a data set gives: batches of (data, target), and how many there are."""

    def __iter__(self) -> Iterator[Any]: ...

    def __len__(self) -> int: ...


class Trainset(Protocol):
    """What training asks of a data set."""

    def get_trainset(self, batch_size: int = 1, shuffle: bool = False) -> Loader: ...


class Training:
    """Stochastic gradient steps on a node's own partition.

    Parameters
    ----------
    rank, machine_id, mapping, log_dir
        The node's place; kept for subclasses.
    model : torch.nn.Module
    optimizer : torch.optim.Optimizer
    loss : callable
        ``loss(output, target)``, the mean over a batch.
    rounds : int, default 1
        Mini-batches in each call of :meth:`train`, or epochs with ``full_epochs``.
    full_epochs : bool, default False
    batch_size : int, default 1
    shuffle : bool, default False
        A new order in each epoch, from the data set's own generator.
    """

    def __init__(
        self,
        rank: int,
        machine_id: int,
        mapping: Any,
        model: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
        loss: Loss,
        log_dir: str,
        rounds: int | str = "",
        full_epochs: bool | str = "",
        batch_size: int | str = "",
        shuffle: bool | str = "",
    ) -> None:
        self.rank, self.machine_id, self.mapping = rank, machine_id, mapping
        self.model, self.optimizer, self.loss = model, optimizer, loss
        self.log_dir = log_dir
        self.rounds = int(rounds or 1)
        self.full_epochs = bool(full_epochs)
        self.batch_size = int(batch_size or 1)
        self.shuffle = bool(shuffle)
        self._batches: Iterator[Any] | None = None

    def reset_optimizer(self, optimizer: torch.optim.Optimizer) -> None:
        """Train with ``optimizer`` from now on."""
        self.optimizer = optimizer

    def train(self, dataset: Trainset) -> None:
        """Take ``rounds`` steps, or as many epochs with ``full_epochs``.

        Steps go on where the last call stopped, so that every sample is used before
        one is used again.

        Raises
        ------
        DataError
            If the partition gives no batch.
        """
        self.model.train()
        if self.full_epochs:
            for _ in range(self.rounds):
                self.train_full(dataset)
            return
        if self._batches is None:
            self._batches = self._endless(dataset)
        for batch in islice(self._batches, self.rounds):
            self.trainstep(*batch)

    def train_full(self, dataset: Trainset) -> None:
        """Train for one epoch."""
        for batch in self._epoch(dataset):
            self.trainstep(*batch)

    def trainstep(self, data: torch.Tensor, target: torch.Tensor) -> float:
        """Take one step on a batch and return its loss."""
        self.optimizer.zero_grad()
        loss = self.loss(self.model(data), target)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return loss.item()

    def eval_loss(self, dataset: Trainset) -> float:
        """Return the mean loss over the node's own partition, in evaluation mode."""
        loader = dataset.get_trainset(max(self.batch_size, EVALUATION_BATCH), False)
        total, count = 0.0, 0
        self.model.eval()
        with torch.inference_mode():
            for data, target in loader:
                total += self.loss(self.model(data), target).item() * len(target)
                count += len(target)
        self.model.train()
        return total / count

    def _endless(self, dataset: Trainset) -> Iterator[Any]:
        while True:
            yield from self._epoch(dataset)

    def _epoch(self, dataset: Trainset) -> Iterator[Any]:
        loader = dataset.get_trainset(self.batch_size, self.shuffle)
        if not len(loader):
            raise DataError(
                f"[TRAIN_PARAMS] batch_size = {self.batch_size}: this node's partition "
                "does not fill one batch"
            )
        yield from loader
