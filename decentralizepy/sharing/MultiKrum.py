"""The mean of the models whose nearest neighbors are nearest."""

import torch

from decentralizepy.sharing.robust import RobustSharing, distances, nearest


class MultiKrum(RobustSharing):
    """Take the mean of the m - f models with the lowest scores.

    The score of a model is the sum of its squared distances to the m - f - 2 models
    nearest to it, at least one, where m is the number of models and f is ``byzantine``.
    Blanchard, El Mhamdi, Guerraoui and Stainer, Machine Learning with Adversaries:
    Byzantine Tolerant Gradient Descent, NeurIPS 2017, sections 4 and 6. Options as for
    :class:`~decentralizepy.sharing.robust.RobustSharing`.
    """

    def aggregate(self, models: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        kept = len(models) - self.tolerated(models)
        return models[nearest(self.scores(models), kept)].mean(0)

    def scores(self, models: torch.Tensor) -> torch.Tensor:
        """Return the score of each model; 0 if there is only one."""
        counted = max(1, len(models) - self.tolerated(models) - 2)
        others = distances(models).square().sort().values[:, 1:]
        return others[:, :counted].sum(1)
