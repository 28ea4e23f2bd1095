"""Models that drive each neighbor away from its honest neighbors."""

import torch

from decentralizepy.attacks.Attack import Attack, Target


class Dissensus(Attack):
    """Send node t ``x_t - epsilon sum_k w_tk (x_k - x_t) / sum_b w_tb``.

    The first sum is over honest neighbors k of t, the other over its Byzantine ones. With
    epsilon = 1 and plain averaging, t keeps its model. He, Karimireddy and Jaggi,
    Byzantine-Robust Decentralized Learning via ClippedGossip, arXiv:2202.01545, section
    3.2. There, the attackers know all models; here, an attacker knows those that it
    receives, so the sum lacks the neighbors of t that are not its own.

    Parameters
    ----------
    epsilon : float, default 1.0
        How far neighbors are driven apart; 0 sends each its own model.
    """

    informed = True
    targeted = True

    def __init__(self, uid: int, seed: int, epsilon: float = 1.0) -> None:
        super().__init__(uid, seed)
        self.epsilon = epsilon

    def forge_for(self, target: Target, iteration: int) -> torch.Tensor:
        pull = target.weights @ (target.others - target.model)
        return target.model - self.epsilon * pull / target.byzantine
