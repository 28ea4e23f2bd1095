"""Steps of plain SGD of many nodes, whose models are the rows of a matrix."""

import logging
import math
import time
from collections.abc import Sequence
from typing import Any

import torch

from decentralizepy.config.overrides import own_method
from decentralizepy.errors import AtNode, one_line
from decentralizepy.training._together import (
    gradient_of,
    rate_of,
    unlike_plain,
)
from decentralizepy.training.many_losses import ManyLosses

logger = logging.getLogger(__name__)

WARM_UP, TRIALS = 1, 4  # how many parts of a round decide which way is faster


class ManySteps:
    """The steps and losses of many nodes, with one trainer's model, loss and rate.

    Parameters
    ----------
    trainer : Training
        The trainer of one of the nodes, without methods of a user's own.
    flat : Flat
        The layout of its model as a row.
    auto : bool, default False
        Whether to find out in the first steps if ``vmap`` is faster, instead of using it.

    Attributes
    ----------
    apart : bool
        Whether steps are taken one by one.
    """

    def __init__(self, trainer: Any, flat: Any, auto: bool = False) -> None:
        self.trainer, self.flat = trainer, flat
        self._gradient = gradient_of(trainer)
        self.apart = False
        self._trials = WARM_UP + TRIALS if auto else 0
        self._seconds = {True: math.inf, False: math.inf}

    def take(
        self,
        models: torch.Tensor,
        uids: Sequence[int],
        data: torch.Tensor,
        target: torch.Tensor,
    ) -> None:
        """Take a step with each of ``models``, in place.

        Parameters
        ----------
        models : torch.Tensor, shape (n, N)
        uids : sequence of int
            Whose they are, for errors.
        data, target : torch.Tensor, shape (n, batch, ...)

        Raises
        ------
        AtNode
            If the user's model or loss fails for one of the nodes.
        """
        self.trainer.model.train()
        start, apart = time.process_time(), self.apart
        if self._trials and not apart:
            apart = self._trials <= TRIALS and self._trials % 2 == 0
        if apart or not self._together(models, data, target):
            self._one_by_one(models, uids, data, target)
        if self._trials and not self.apart:
            self._note(apart, (time.process_time() - start) / len(models))

    def evaluations(self) -> ManyLosses:
        """Return the evaluations of the same models."""
        return ManyLosses(self.trainer.model, self.trainer.loss, self.flat.cut)

    def load(self, row: torch.Tensor) -> None:
        """Make a row the trainer's model."""
        with torch.no_grad():
            self.flat.vector().copy_(row)

    def _together(
        self, models: torch.Tensor, data: torch.Tensor, target: torch.Tensor
    ) -> bool:
        """Take the steps at once; return False, with nothing changed, if that fails."""
        rows = self.flat.cut(models)
        try:
            gradients, _ = self._gradient(rows, data, target)
        except Exception as error:  # of the user's code, or torch cannot batch it
            self._go_apart(f"{type(error).__name__}: {one_line(error)}")
            return False
        rate = rate_of(self.trainer)
        with torch.no_grad():
            for name, row in rows.items():
                row.sub_(gradients[name], alpha=rate)
        return True

    def _one_by_one(
        self,
        models: torch.Tensor,
        uids: Sequence[int],
        data: torch.Tensor,
        target: torch.Tensor,
    ) -> None:
        for row, uid, x, y in zip(models, uids, data, target, strict=True):
            self.load(row)
            try:
                self.trainer.step_alone(x, y)
            except Exception as error:
                raise AtNode(uid) from error
            with torch.no_grad():
                row.copy_(self.flat.vector())

    def _note(self, apart: bool, seconds: float) -> None:
        """Note what a node's step took; after the last trial, take them the faster way."""
        if self._trials <= TRIALS:
            self._seconds[apart] = min(self._seconds[apart], seconds)
        self._trials -= 1
        alone, together = self._seconds[True], self._seconds[False]
        if not self._trials and alone < together:
            ms = f"{1e3 * alone:.3g} instead of {1e3 * together:.3g} ms"
            self._go_apart(f"that is faster here, {ms} per node")

    def _go_apart(self, cause: str) -> None:
        self.apart = True
        logger.warning("training steps are not batched, but one by one: %s", cause)


def obstacle(trainer: Any, base: type, flat: Any) -> str:
    """Return why the steps of nodes like this one's cannot be taken at once; or ""."""
    name = type(trainer).__name__
    if own := own_method(type(trainer), base):
        return f"{name} overrides {own}"
    if any(trainer.augmentation):
        return "[TRAIN_PARAMS] crop_padding or horizontal_flip is set"
    if cause := unlike_plain(trainer):
        return cause
    if not flat.is_whole or flat.names != [*trainer.kind.parameters]:
        return f"not all of {type(trainer.model).__name__} is trained, in float32"
    return ""
