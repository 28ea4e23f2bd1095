"""The mean of those values of each entry that are nearest to its median."""

import torch

from decentralizepy.sharing.CoordinateMedian import CoordinateMedian


class MeanAroundMedian(CoordinateMedian):
    """Take the mean of the m - f values of each entry that are nearest to its median.

    Here m is the number of models, and f is ``byzantine``. Xie, Koyejo and Gupta,
    Generalized Byzantine-tolerant SGD, arXiv:1802.10116, section 4.3. Options as for
    :class:`~decentralizepy.sharing.robust.RobustSharing`.
    """

    def aggregate(self, models: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        median = super().aggregate(models, weights)
        order = torch.sort((models - median).abs(), dim=0, stable=True).indices
        kept = order[: len(models) - self.tolerated(models)]
        return models.gather(0, kept).mean(0)
