"""A multiple of the node's model."""

import torch

from decentralizepy.attacks.Attack import Attack


class Scaled(Attack):
    """Send ``factor * x``, where x is the node's own model.

    Parameters
    ----------
    factor : float, default 10.0
        Factor of the model; 1 is no attack.
    """

    def __init__(self, uid: int, seed: int, factor: float = 10.0) -> None:
        super().__init__(uid, seed)
        self.factor = factor

    def forge(
        self, own: torch.Tensor, honest: torch.Tensor, iteration: int
    ) -> torch.Tensor:
        return self.factor * own
