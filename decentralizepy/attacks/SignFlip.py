"""The negative of the node's model."""

import torch

from decentralizepy.attacks.Attack import Attack


class SignFlip(Attack):
    """Send ``-scale * x``, where x is the node's own model.

    Li, Xu, Chen, Giannakis and Ling, RSA: Byzantine-Robust Stochastic Aggregation Methods
    for Distributed Learning from Heterogeneous Datasets, AAAI 2019, section 5.

    Parameters
    ----------
    scale : float, default 1.0
        Factor of the negated model.
    """

    def __init__(self, uid: int, seed: int, scale: float = 1.0) -> None:
        super().__init__(uid, seed)
        self.scale = scale

    def forge(
        self, own: torch.Tensor, honest: torch.Tensor, iteration: int
    ) -> torch.Tensor:
        return -self.scale * own
