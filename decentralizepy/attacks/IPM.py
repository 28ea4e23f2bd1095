"""A model against the mean of the honest ones."""

import torch

from decentralizepy.attacks.Attack import Attack


class IPM(Attack):
    """Send ``-epsilon`` times the mean of the honest neighbors' models.

    The inner product manipulation of Xie, Koyejo and Gupta, Fall of Empires: Breaking
    Byzantine-tolerant SGD by Inner Product Manipulation, UAI 2019, section 4, on models
    instead of gradients. Here the attacker knows the models that its honest neighbors send
    to it in this round.

    Parameters
    ----------
    epsilon : float, default 0.5
        Factor of the negated mean.
    """

    informed = True

    def __init__(self, uid: int, seed: int, epsilon: float = 0.5) -> None:
        super().__init__(uid, seed)
        self.epsilon = epsilon

    def forge(
        self, own: torch.Tensor, honest: torch.Tensor, iteration: int
    ) -> torch.Tensor:
        return -self.epsilon * honest.mean(0)
