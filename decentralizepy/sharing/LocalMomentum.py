"""Decentralized SGD in which every node has a momentum of its own."""

from typing import Any

import torch

from decentralizepy.sharing.corrected import MomentumSharing


class LocalMomentum(MomentumSharing):
    """Average ``x - m``, with each node's own momentum m.

    ``m <- momentum * m + d``; then ``x <- W (x - m)``. Known as DSGDm; with one step per
    round, this is the momentum of ``torch.optim.SGD`` with ``reset_optimizer = 0``.
    :class:`~decentralizepy.sharing.AveragedMomentum.AveragedMomentum` averages m, too.
    The optimizer should have no momentum of its own.

    Options as for :class:`~decentralizepy.sharing.corrected.MomentumSharing`.
    """

    checkpointed = ("m",)

    def __init__(self, *parts: Any, **options: Any) -> None:
        super().__init__(*parts, **options)
        self.m = torch.zeros_like(self.x)

    def corrected(self, after: torch.Tensor) -> torch.Tensor:
        kept = self.momentum * self.m
        self.m = kept + (self.x - after)
        return after - kept
