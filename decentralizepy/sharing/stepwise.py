"""Algorithms that correct every local step, not only what is averaged."""

from copy import copy
from typing import Any

import torch

from decentralizepy.errors import NodeFailed
from decentralizepy.sharing.corrected import CorrectedSharing
from decentralizepy.sharing.Sharing import Sharing


class StepwiseSharing(CorrectedSharing):
    """Subtract a correction from the model after every step of the optimizer.

    The correction is in units of the model, so that no algorithm needs to know the
    learning rate; with plain SGD, this is the same as adding to each gradient the
    correction divided by the learning rate. Parameters as for
    :class:`~decentralizepy.sharing.corrected.CorrectedSharing`.

    Attributes
    ----------
    steps : int
        The number of steps in the last round that had any; 0 before.
    taken : int
        The number of steps in this round so far.
    """

    checkpointed: tuple[str, ...] = ("steps", "taken")

    def __init__(self, *parts: Any, **codec: Any) -> None:
        super().__init__(*parts, **codec)
        self.steps = self.taken = 0

    def correction(self) -> torch.Tensor:
        """Return what to subtract after a step, of shape (N,), 0 where nothing trains."""
        raise NotImplementedError

    def after_step(self) -> None:
        """Correct a step; the node has the optimizer call this after each one."""
        self.taken += 1
        corrected = self.flat.vector() - self.correction()
        self.flat.load(self.flat.unflatten(corrected))

    def forger(self) -> Sharing:
        copied = copy(self)
        copied.taken = self.taken or self.steps or 1  # a forged model needs no step
        return copied

    def _pre_step(self) -> None:
        moved = (self.flat.vector() != self.x) & self._trained
        if not self.taken and moved.any():
            raise NodeFailed(
                f"{type(self).__name__} corrects the steps of the node's optimizer, but "
                "the training class changed the model without one"
            )
        self.steps, self.taken = self.taken or self.steps, 0
        super()._pre_step()
