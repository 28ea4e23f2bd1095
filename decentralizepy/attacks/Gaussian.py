"""The node's model with noise."""

from typing import Annotated

import numpy as np
import torch
from pydantic import Field

from decentralizepy.attacks.Attack import Attack


class Gaussian(Attack):
    """Send ``x + std * z``, where x is the node's own model, and z is standard normal.

    Blanchard, El Mhamdi, Guerraoui and Stainer, Machine Learning with Adversaries:
    Byzantine Tolerant Gradient Descent, NeurIPS 2017, section 6, where z alone is sent.

    Parameters
    ----------
    std : float, default 1.0
        Standard deviation of the noise in each entry; 0 is no attack.
    """

    def __init__(
        self, uid: int, seed: int, std: Annotated[float, Field(ge=0)] = 1.0
    ) -> None:
        super().__init__(uid, seed)
        self.std = std

    def forge(
        self, own: torch.Tensor, honest: torch.Tensor, iteration: int
    ) -> torch.Tensor:
        noise = self.generator(iteration).standard_normal(len(own), np.float32)
        return own + self.std * torch.from_numpy(noise)
