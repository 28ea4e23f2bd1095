"""Evaluation of many models at once, which are the rows of a matrix."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.func import functional_call, vmap

EVALUATION_BATCH = 16  # activations of larger batches do not fit the cache
Cut = Callable[[torch.Tensor], dict[str, torch.Tensor]]
Batches = Iterable[tuple[torch.Tensor, torch.Tensor]]


class ManyLosses:
    """The losses and accuracies of models.

    Parameters
    ----------
    model : torch.nn.Module
        Like all of them.
    loss : callable
    cut : callable
        Returns the parameters of rows, by name.
    """

    least_batch = EVALUATION_BATCH

    def __init__(self, model: torch.nn.Module, loss: Any, cut: Cut) -> None:
        self.model, self.cut = model, cut

        def output(row: dict[str, torch.Tensor], data: torch.Tensor) -> Any:
            return functional_call(model, row, (data,))

        self._own = vmap(lambda row, x, y: loss(output(row, x), y))
        self._outputs = vmap(output, in_dims=(0, None))
        self._losses = vmap(loss, in_dims=(0, None))

    @torch.inference_mode()
    def on_own(self, models: torch.Tensor, batches: Batches) -> list[float]:
        """Return the mean loss of each of n models on its own samples.

        ``batches`` are data and targets of shape (n, size, ...).
        """
        rows, count = self._rows(models), 0
        total = torch.zeros(len(models), dtype=torch.float64)
        for data, target in batches:
            size = target.shape[1]
            total += self._own(rows, data, target).double() * size
            count += size
        return self._mean(total, count)

    @torch.inference_mode()
    def on_all(
        self, models: torch.Tensor, batches: Batches
    ) -> tuple[list[float], list[float]]:
        """Return accuracies in percent and mean losses on samples for all models.

        ``batches`` are data and targets of shape (size, ...).
        """
        rows, count = self._rows(models), 0
        total = torch.zeros(len(models), dtype=torch.float64)
        right = torch.zeros(len(models), dtype=torch.float64)
        for data, target in batches:
            output = self._outputs(rows, data)
            total += self._losses(output, target).double() * len(target)
            right += (output.argmax(2) == target).sum(1)
            count += len(target)
        return self._mean(100 * right, count), self._mean(total, count)

    def _rows(self, models: torch.Tensor) -> dict[str, torch.Tensor]:
        self.model.eval()
        return self.cut(models)

    def _mean(self, total: torch.Tensor, count: int) -> list[float]:
        self.model.train()
        means: list[float] = (total / count).tolist()
        return means
