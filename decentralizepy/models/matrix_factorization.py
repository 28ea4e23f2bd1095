"""Matrix factorization for ratings."""

import torch
from torch import nn

from decentralizepy.models.Model import Model

SPREAD = 0.05


class MatrixFactorization(Model):
    """A vector for each user and each item; a rating is their dot product.

    Without biases, as in Koren, Bell and Volinsky, Computer 42(8), 2009, eq. 1. Vectors
    are initialized uniformly in [-0.05, 0.05]. The default sizes are those of MovieLens
    latest-small: 206,680 parameters.

    Parameters
    ----------
    n_users : int, default 610
    n_items : int, default 9724
    n_factors : int, default 20
        Length of the vectors.
    """

    def __init__(
        self, n_users: int = 610, n_items: int = 9724, n_factors: int = 20
    ) -> None:
        super().__init__()
        self.user_factors = nn.Embedding(n_users, n_factors)
        self.item_factors = nn.Embedding(n_items, n_factors)
        for factors in (self.user_factors, self.item_factors):
            nn.init.uniform_(factors.weight, -SPREAD, SPREAD)

    def forward(self, data: torch.Tensor) -> torch.Tensor:
        """Return ratings (batch,) for pairs (batch, 2) of user and item, numbered from 1."""
        users, items = (data - 1).unbind(-1)
        product: torch.Tensor = self.user_factors(users) * self.item_factors(items)
        return product.sum(-1)
