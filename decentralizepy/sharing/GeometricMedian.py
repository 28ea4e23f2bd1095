"""The point whose distances to all models have the smallest sum."""

from typing import Annotated, Any

import torch
from pydantic import Field

from decentralizepy.sharing.robust import RobustSharing


class GeometricMedian(RobustSharing):
    """Take the point with the smallest sum of distances to all models, approximately.

    By the smoothed algorithm of Weiszfeld: starting from the median of each entry, ``z``
    becomes the mean of the models weighted by ``1 / max(smoothing, |x_i - z|)``. Pillutla,
    Kakade and Harchaoui, Robust Aggregation for Federated Learning, IEEE TSP 2022,
    algorithm 2. ``byzantine`` has no effect.

    Parameters
    ----------
    steps : int, default 16
        Number of iterations.
    smoothing : float, default 1e-6
        The smallest distance that a weight is computed from.
    **options
        As for :class:`~decentralizepy.sharing.robust.RobustSharing`.
    """

    def __init__(
        self,
        *parts: Any,
        steps: Annotated[int, Field(ge=1)] = 16,
        smoothing: Annotated[float, Field(gt=0)] = 1e-6,
        **options: Any,
    ) -> None:
        super().__init__(*parts, **options)
        self.steps, self.smoothing = steps, smoothing

    def aggregate(self, models: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        start = models.sort(0).values[(len(models) - 1) // 2]
        return weiszfeld(models, start, self.steps, self.smoothing)


def weiszfeld(
    models: torch.Tensor, start: torch.Tensor, steps: int, smoothing: float
) -> torch.Tensor:
    """Return an approximate geometric median of the rows of ``models``."""
    point = start
    for _ in range(steps):
        distance = (models - point).norm(dim=1).clamp(min=smoothing)
        weights = (1 / distance) / (1 / distance).sum()
        point = weights @ models
    return point
