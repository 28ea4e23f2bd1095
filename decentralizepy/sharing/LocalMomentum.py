"""Decentralized SGD in which every node has a momentum of its own."""

from typing import Annotated, Any

import torch
from pydantic import Field

from decentralizepy.sharing.churn import ANYTHING
from decentralizepy.sharing.corrected import CorrectedSharing


class LocalMomentum(CorrectedSharing):
    """Average ``x - m``, with each node's own momentum m.

    ``m <- momentum * m + d``; then ``x <- W (x - m)``. Known as DSGDm; with one step per
    round, this is the momentum of ``torch.optim.SGD`` with ``reset_optimizer = 0``.
    :class:`~decentralizepy.sharing.AveragedMomentum.AveragedMomentum` averages m, too.
    The optimizer should have no momentum of its own.

    Parameters
    ----------
    momentum : float, default 0.9
        In [0, 1); 0 is D-PSGD.
    **options
        As for :class:`~decentralizepy.sharing.corrected.CorrectedSharing`.
    """

    needs = ANYTHING
    checkpointed = ("m",)

    def __init__(
        self,
        *parts: Any,
        momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9,
        **options: Any,
    ) -> None:
        super().__init__(*parts, **options)
        self.momentum = momentum
        self.m = torch.zeros_like(self.x)

    def corrected(self, after: torch.Tensor) -> torch.Tensor:
        kept = self.momentum * self.m
        self.m = kept + (self.x - after)
        return after - kept
