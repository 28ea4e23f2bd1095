"""The model whose nearest neighbors are nearest."""

import torch

from decentralizepy.sharing.MultiKrum import MultiKrum
from decentralizepy.sharing.robust import nearest


class Krum(MultiKrum):
    """Take the model with the lowest score, as defined by MultiKrum.

    The node's own, or that of the lower uid, if scores are equal. Blanchard, El Mhamdi,
    Guerraoui and Stainer, Machine Learning with Adversaries: Byzantine Tolerant Gradient
    Descent, NeurIPS 2017, section 4. Options as for
    :class:`~decentralizepy.sharing.robust.RobustSharing`.
    """

    def aggregate(self, models: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        (best,) = nearest(self.scores(models), 1)
        return models[best].clone()
