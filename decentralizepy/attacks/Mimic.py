"""The model of an honest neighbor."""

import torch

from decentralizepy.attacks.Attack import Attack


class Mimic(Attack):
    """Send the model of the honest neighbor with the lowest uid.

    That neighbor's data then counts more. Karimireddy, He and Jaggi, Byzantine-Robust
    Learning on Heterogeneous Datasets via Bucketing, ICLR 2022, section 3.2, where the
    victim is chosen by the variance of its gradients.
    """

    informed = True

    def forge(
        self, own: torch.Tensor, honest: torch.Tensor, iteration: int
    ) -> torch.Tensor:
        return honest[0].clone()
