"""The mean of the models that are nearest to the node's own."""

import torch

from decentralizepy.sharing.robust import RobustSharing, nearest


class NearestNeighborAverage(RobustSharing):
    """Take the mean of the m - f models that are nearest to the node's own, with its own.

    Here m is the number of models, and f is ``byzantine``. MoNNA of Farhadkhani,
    Guerraoui, Gupta, Hoang, Pinot and Stephan, Robust Collaborative Learning with Linear
    Gradient Overhead, ICML 2023, without its momentum. Options as for
    :class:`~decentralizepy.sharing.robust.RobustSharing`.
    """

    def aggregate(self, models: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        distance = (models - models[0]).norm(dim=1)
        kept = nearest(distance, len(models) - self.tolerated(models))
        return models[kept].mean(0)
