"""Gossip with differences that are clipped around the node's own model."""

from typing import Annotated, Any

import torch
from pydantic import Field

from decentralizepy.sharing.robust import RobustSharing, shrinkage


class ClippedGossip(RobustSharing):
    """Move towards each neighbor's model by at most its weight times a radius.

    ``x_i += sum_j w_ij clip(x_j - x_i, radius)``, where ``clip`` scales a longer vector
    down to the radius. He, Karimireddy and Jaggi, Byzantine-Robust Decentralized Learning
    via ClippedGossip, arXiv:2202.01545, algorithm 1. The radius in their theory depends on
    quantities that no node knows.

    Parameters
    ----------
    radius : float, optional
        Clipping radius; by default the ``byzantine`` + 1st largest distance of a received
        model, anew in each round.
    **options
        As for :class:`~decentralizepy.sharing.robust.RobustSharing`.
    """

    def __init__(
        self,
        *parts: Any,
        radius: Annotated[float, Field(gt=0)] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(*parts, **options)
        self.radius = radius

    def aggregate(self, models: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        differences = models[1:] - models[0]
        lengths = differences.norm(dim=1)
        if not len(lengths):
            return models[0].clone()
        ranked = lengths.sort(descending=True).values
        radius = self.radius or ranked[min(self.byzantine, len(ranked) - 1)]
        scale = shrinkage(lengths, radius)
        step: torch.Tensor = (weights[1:] * scale) @ differences
        return models[0] + step
