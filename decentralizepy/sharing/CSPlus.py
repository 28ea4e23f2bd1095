"""Gossip whose largest differences are clipped to the size of smaller ones."""

from typing import Annotated, Any

import torch
from pydantic import Field

from decentralizepy.sharing.robust import RobustSharing, shrinkage

ROUNDING = 1e-6  # of sums of weights


class CSPlus(RobustSharing):
    """Move towards the neighbors' models, the farthest of which count as if nearer.

    ``x_i -= s sum_j w_ij clip(x_i - x_j, tau)``, where s is ``step_size``, and ``clip``
    scales a longer vector down to tau. With b the largest weight that f neighbors have,
    f being ``byzantine``, tau is the largest distance up to which neighbors have a weight
    of at most ``sum_j w_ij - 2 b``; so with equal weights, the 2 f largest differences are
    clipped to the next one. Without such a distance, the node keeps its model, so f has to
    be less than half of the neighbors. The clipped sum (CS+) of Gaucher, Dieuleveut and
    Hendrikx, Unified Breakdown Analysis for Byzantine Robust Gossip, ICML 2025, section 3.

    Parameters
    ----------
    step_size : float, default 1.0
        Factor of the clipped sum; with 1 and without attackers, the result is the average
        by the weights of the graph.
    **options
        As for :class:`~decentralizepy.sharing.robust.RobustSharing`.
    """

    def __init__(
        self,
        *parts: Any,
        step_size: Annotated[float, Field(gt=0, le=1)] = 1.0,
        **options: Any,
    ) -> None:
        super().__init__(*parts, **options)
        self.step_size = step_size

    @classmethod
    def outvotes(cls, neighbors: int) -> int:
        return max(0, neighbors - 1) // 2

    def aggregate(self, models: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        differences = models[1:] - models[0]
        lengths = differences.norm(dim=1)
        new = self.step_size * self.counted(lengths, weights[1:].double())
        step: torch.Tensor = new.to(differences) @ differences
        return models[0] + step

    def counted(self, lengths: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Return by how much each neighbor's difference counts.

        Parameters
        ----------
        lengths : torch.Tensor, shape (n,)
            Of the differences.
        weights : torch.Tensor of float64, shape (n,)
            Of the neighbors.
        """
        ranked, order = lengths.sort(stable=True)
        limit = weights.sum() - 2 * self.suspected(weights) + ROUNDING
        inside = int((weights[order].cumsum(0) <= limit).sum())
        if not inside:
            return torch.zeros_like(weights)
        return weights * shrinkage(lengths, ranked[inside - 1])

    def suspected(self, weights: torch.Tensor) -> torch.Tensor:
        """Return b, the most that ``byzantine`` of the neighbors weigh."""
        return weights.sort(descending=True).values[: self.byzantine].sum()
