"""Local training of models that compute their own loss, on batches that are dicts."""

from typing import Any

import torch

from decentralizepy.training.Training import Training

COLUMNS = ("input_ids", "attention_mask", "labels")


class LLMTraining(Training):
    """Training on batches that are dicts of ``COLUMNS``.

    The model is called with these, and returns a tuple whose first element is its loss,
    the mean over the batch.

    Parameters
    ----------
    rank, machine_id, mapping, model, optimizer
        As for :class:`~decentralizepy.training.Training.Training`, and so are the
        options after ``log_dir``.
    loss : callable, optional
        Ignored.
    log_dir : str, default "."
    """

    def __init__(
        self,
        rank: int,
        machine_id: int,
        mapping: Any,
        model: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
        loss: Any = None,
        log_dir: str = ".",
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            rank, machine_id, mapping, model, optimizer, loss, log_dir, *args, **kwargs
        )

    def batch_loss(self, data: Any, target: Any = None) -> tuple[torch.Tensor, int]:
        """Return the model's own loss on a batch, and the number of samples."""
        columns = {name: data[name] for name in COLUMNS}
        return self.forward(**columns)[0], len(data["labels"])
