"""Decentralized SGD in which nodes average their momentum, too."""

from typing import Annotated, Any

import torch
from pydantic import Field

from decentralizepy.sharing.churn import ANYTHING
from decentralizepy.sharing.corrected import PairedSharing


class AveragedMomentum(PairedSharing):
    """Average ``x - m`` and the momentum m.

    ``m = momentum * W m_old + d``; then ``x <- W (x - m)``. Yu, Jin and Yang, On the Linear
    Speedup Analysis of Communication Efficient Momentum SGD for Distributed Non-Convex
    Optimization, ICML 2019, in its decentralized form; m is in units of the model (``y``
    below). Sends two vectors, so twice the bytes of other algorithms. The optimizer should
    have no momentum of its own.

    Parameters
    ----------
    momentum : float, default 0.9
        In [0, 1); 0 is D-PSGD.
    **options
        As for :class:`~decentralizepy.sharing.corrected.CorrectedSharing`.
    """

    needs = ANYTHING

    def __init__(
        self,
        *parts: Any,
        momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9,
        **options: Any,
    ) -> None:
        super().__init__(*parts, **options)
        self.momentum = momentum

    def corrected(self, after: torch.Tensor) -> torch.Tensor:
        kept = self.momentum * self.y
        self.y = kept + self.change(after)
        return after - kept
