"""Decentralized SGD in which nodes average their momentum, too."""

import torch

from decentralizepy.sharing.corrected import MomentumSharing, PairedSharing


class AveragedMomentum(MomentumSharing, PairedSharing):
    """Average ``x - m`` and the momentum m.

    ``m = momentum * W m_old + d``; then ``x <- W (x - m)``. Yu, Jin and Yang, On the Linear
    Speedup Analysis of Communication Efficient Momentum SGD for Distributed Non-Convex
    Optimization, ICML 2019, in its decentralized form; m is in units of the model (``y``
    below). Sends two vectors, so twice the bytes of other algorithms. The optimizer should
    have no momentum of its own.

    Options as for :class:`~decentralizepy.sharing.corrected.MomentumSharing`.
    """

    def corrected(self, after: torch.Tensor) -> torch.Tensor:
        kept = self.momentum * self.y
        self.y = kept + self.change(after)
        return after - kept
