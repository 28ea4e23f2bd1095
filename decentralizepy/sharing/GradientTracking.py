"""Gradient tracking, in which nodes follow an estimate of the mean gradient."""

from typing import Any

import torch

from decentralizepy.sharing.corrected import PairedSharing


class GradientTracking(PairedSharing):
    """Average ``x - y`` and y, where y follows the mean change of all nodes.

    ``y = W y_old + d - d_old``, in the first round d; then ``x <- W (x - y)``. Di Lorenzo
    and Scutari, NEXT: In-Network Nonconvex Optimization, IEEE TSIPN 2016, in the
    adapt-then-combine form of Xu, Zhu, Soh and Xie, Augmented Distributed Gradient Methods
    for Multi-Agent Optimization, CDC 2015. Sends two vectors, so twice the bytes of other
    algorithms. Options as for
    :class:`~decentralizepy.sharing.corrected.CorrectedSharing`.
    """

    checkpointed = ("d",)

    def __init__(self, *parts: Any, **codec: Any) -> None:
        super().__init__(*parts, **codec)
        self.d = torch.zeros_like(self.y)

    def corrected(self, after: torch.Tensor) -> torch.Tensor:
        change = self.change(after)
        self.y = self.y + change - self.d
        self.d = change
        corrected: torch.Tensor = self.x - self.y
        return corrected
