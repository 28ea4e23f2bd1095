"""The median of each entry."""

import torch

from decentralizepy.sharing.robust import RobustSharing


class CoordinateMedian(RobustSharing):
    """Take the median of each entry; the mean of the two middle ones of an even number.

    Yin, Chen, Ramchandran and Bartlett, Byzantine-Robust Distributed Learning: Towards
    Optimal Statistical Rates, ICML 2018, algorithm 1, option I. ``byzantine`` has no
    effect. Options as for :class:`~decentralizepy.sharing.robust.RobustSharing`.
    """

    def aggregate(self, models: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        ranked, count = models.sort(0).values, len(models)
        return (ranked[(count - 1) // 2] + ranked[count // 2]) / 2
