"""The evaluations of many nodes at once."""

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from decentralizepy.errors import one_line
from decentralizepy.node.many_example import Example, Measured

logger = logging.getLogger(__name__)

NODES = 64  # evaluated at once


class ManyTests:
    """What nodes measure in a round, together where training steps are.

    Parameters
    ----------
    example : Example
        Stands for the nodes.
    orders : ManyOrders
        Of the samples of the nodes.
    steps : ManySteps
    first : int
        The uid of the first node.
    """

    def __init__(self, example: Example, orders: Any, steps: Any, first: int) -> None:
        self.example, self.orders, self.steps = example, orders, steps
        self.first = first
        self._sets = orders.tests()
        self._losses = steps.evaluations()

    def evaluate(
        self, uids: Sequence[int], models: torch.Tensor, train: bool, test: bool
    ) -> Measured:
        """Return what is due, with a value for each of ``uids``, by name.

        Raises
        ------
        AtNode
            If the user's code fails for one of them.
        """
        if self._sets is not None and not self.steps.apart:
            try:
                return self._together(np.array(uids) - self.first, models, train, test)
            except Exception as error:  # of the user's code, or torch cannot batch it
                cause = f"{type(error).__name__}: {one_line(error)}"
                logger.warning("tests are not batched, but one by one: %s", cause)
                self._sets = None
        return self.example.evaluate(uids, models, train, test)

    def _together(
        self, nodes: Any, models: torch.Tensor, train: bool, test: bool
    ) -> Measured:
        found: Measured = {}
        for first in range(0, len(nodes), NODES):
            part = slice(first, first + NODES)
            if train:
                losses = self._on_own(nodes[part], models[part])
                found.setdefault("train_loss", []).extend(losses)
            for name, batches in self._sets.items() if test else ():
                accuracies, losses = self._losses.on_all(models[part], batches)
                found.setdefault(f"{name}_acc", []).extend(accuracies)
                found.setdefault(f"{name}_loss", []).extend(losses)
        return found

    def _on_own(self, nodes: Any, models: torch.Tensor) -> list[float]:
        """Return the loss of each model on the samples of its node."""
        found = np.empty(len(nodes))
        for chosen, samples in self.orders.alike(nodes):
            rows = models[torch.from_numpy(chosen)]
            found[chosen] = self._losses.on_own(rows, self._batches(samples))
        losses: list[float] = found.tolist()
        return losses

    def _batches(self, samples: Any) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        size = max(self.orders.batch_size, self._losses.least_batch)
        for first in range(0, samples.shape[1], size):
            yield self.orders.read(samples[:, first : first + size])
