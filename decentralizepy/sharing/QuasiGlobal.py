"""Decentralized SGD with quasi-global momentum."""

from typing import Any

import torch

from decentralizepy.sharing.corrected import MomentumSharing
from decentralizepy.sharing.Sharing import State


class QuasiGlobal(MomentumSharing):
    """Average ``x - d - momentum * m``, where m follows the change of the averaged model.

    ``m <- momentum * m + (1 - momentum) (x_old - x)``, after each round. Lin, Karimireddy,
    Stich and Jaggi, Quasi-global Momentum: Accelerating Decentralized Deep Learning on
    Heterogeneous Data, ICML 2021, algorithm 1, without Nesterov's variant; m is in units of
    the model. The optimizer should have no momentum of its own.

    Options as for :class:`~decentralizepy.sharing.corrected.MomentumSharing`.
    """

    checkpointed = ("m",)

    def __init__(self, *parts: Any, **options: Any) -> None:
        super().__init__(*parts, **options)
        self.m = torch.zeros_like(self.x)

    def corrected(self, after: torch.Tensor) -> torch.Tensor:
        return after - self.momentum * self.m

    def adopt(self, averaged: State) -> None:
        before = self.x
        super().adopt(averaged)
        self.m = self.momentum * self.m + (1 - self.momentum) * (before - self.x)
