"""The order in which many nodes iterate over their samples, without an object for each."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from decentralizepy.datasets.batches import Batches
from decentralizepy.datasets.Dataset import Dataset
from decentralizepy.datasets.Partitioner import Indices
from decentralizepy.randomness import Purpose, derive_seed

TESTS = ("test", "validate", "get_testset", "get_validationset")


class Batch(NamedTuple):
    """The next batches of those nodes that have one of the same size.

    Attributes
    ----------
    nodes : array of int64, shape (n,)
        Numbers of the nodes, ascending.
    samples : array of int64, shape (n, size)
        Places in the data.
    """

    nodes: Indices
    samples: Indices


class ManyOrders:
    """Where each of many nodes is in its passes over its part of the data.

    Batches are those of :class:`~decentralizepy.datasets.batches.Batches`: consecutive
    samples of a pass, the last ones possibly fewer.

    Parameters
    ----------
    dataset : ImageDataset
        That of one of the nodes.
    parts : sequence of array of int64
        The places in the data of each node's samples.
    uids : sequence of int
        Whose these are, if each pass has an order of its own; else empty.
    batch_size : int
    """

    def __init__(
        self,
        dataset: Any,
        parts: Sequence[Indices],
        uids: Sequence[int],
        batch_size: int,
    ) -> None:
        self.dataset, self.data = dataset, dataset.trainset.data
        self.parts, self.batch_size = parts, batch_size
        self.lengths = np.array([len(part) for part in parts], dtype=np.int64)
        self._begins = np.cumsum(self.lengths) - self.lengths
        self._order = np.concatenate(parts)
        self._used = np.zeros(len(parts), dtype=np.int64)
        self._ends = self.lengths.copy()
        if dataset.drop_last:
            longer = self.lengths > batch_size
            self._ends[longer] -= self.lengths[longer] % batch_size
        self._generator = torch.Generator()
        self._states = self._seeded(uids) if uids else None

    @property
    def per_pass(self) -> Indices:
        """The number of batches in a pass of each node."""
        return -(-self._ends // self.batch_size)

    def next(self, nodes: Indices) -> Iterator[Batch]:
        """Yield the next batch of each of ``nodes``."""
        used = self._used[nodes]
        if self._states is not None:
            for node in nodes[used == 0]:
                self._shuffle(int(node))
        sizes = np.minimum(self.batch_size, self._ends[nodes] - used)
        starts = self._begins[nodes] + used
        self._used[nodes] = (used + sizes) % self._ends[nodes]
        for size in np.unique(sizes):
            chosen = sizes == size
            places = starts[chosen][:, np.newaxis] + np.arange(size)
            yield Batch(nodes[chosen], self._order[places])

    def read(self, samples: Indices) -> tuple[torch.Tensor, torch.Tensor]:
        """Return data and targets of shape (n, size, ...)."""
        shape = samples.shape
        data, target = self.data[samples.ravel()]
        return data.unflatten(0, shape), target.unflatten(0, shape)

    def alike(self, nodes: Indices) -> Iterator[tuple[Indices, Indices]]:
        """Yield places in ``nodes`` of those with as many samples, and their samples.

        These have shape (n, size), in the order of the node's part.
        """
        lengths = self.lengths[nodes]
        for length in np.unique(lengths):
            chosen = np.flatnonzero(lengths == length)
            parts = [self.parts[node] for node in nodes[chosen]]
            yield chosen, np.stack(parts)

    def tests(self) -> dict[str, Batches] | None:
        """Return the sets that all nodes are tested on, by name.

        None if a user's class tests by itself.
        """
        kind, dataset = type(self.dataset), self.dataset
        if any(getattr(kind, name) is not getattr(Dataset, name) for name in TESTS):
            return None
        found = {}
        if dataset.__testing__:
            found["test"] = dataset.get_testset()
        if dataset.__validating__:
            found["validation"] = dataset.get_validationset()
        return found

    def _shuffle(self, node: int) -> None:
        """Draw a node's order of the pass that begins, with its own generator."""
        assert self._states is not None
        generator = self._generator
        generator.set_state(self._states[node].clone())  # a view would crash it
        order = torch.randperm(int(self.lengths[node]), generator=generator).numpy()
        self._states[node] = generator.get_state()
        begin = self._begins[node]
        self._order[begin : begin + len(order)] = self.parts[node][order]

    def _seeded(self, uids: Sequence[int]) -> torch.Tensor:
        """Return the state of each node's generator, in rows."""
        size, seed = len(self._generator.get_state()), self.dataset.random_seed
        states = torch.empty((len(uids), size), dtype=torch.uint8)
        for row, uid in zip(states, uids, strict=True):
            own = derive_seed(Purpose.ORDER, seed, uid)
            row.copy_(self._generator.manual_seed(own).get_state())
        return states
