"""The mean of each entry without the largest and the smallest."""

import torch

from decentralizepy.sharing.robust import RobustSharing


class TrimmedMean(RobustSharing):
    """Drop the f largest and the f smallest of each entry; take the mean of the rest.

    Here f is ``byzantine``. Yin, Chen, Ramchandran and Bartlett, Byzantine-Robust
    Distributed Learning: Towards Optimal Statistical Rates, ICML 2018, algorithm 1, option
    II; among neighbors, BRIDGE-T of Fang, Yang and Bajwa, BRIDGE: Byzantine-resilient
    Decentralized Gradient Descent, IEEE TSIPN 2022. Options as for
    :class:`~decentralizepy.sharing.robust.RobustSharing`.
    """

    def aggregate(self, models: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        dropped = self.tolerated(models)
        kept = models.sort(0).values[dropped : len(models) - dropped]
        return kept.mean(0)
