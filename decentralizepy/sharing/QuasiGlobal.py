"""Decentralized SGD with quasi-global momentum."""

from typing import Annotated, Any

import torch
from pydantic import Field

from decentralizepy.sharing.churn import ANYTHING
from decentralizepy.sharing.corrected import CorrectedSharing
from decentralizepy.sharing.Sharing import State


class QuasiGlobal(CorrectedSharing):
    """Average ``x - d - momentum * m``, where m follows the change of the averaged model.

    ``m <- momentum * m + (1 - momentum) (x_old - x)``, after each round. Lin, Karimireddy,
    Stich and Jaggi, Quasi-global Momentum: Accelerating Decentralized Deep Learning on
    Heterogeneous Data, ICML 2021, algorithm 1, without Nesterov's variant; m is in units of
    the model. The optimizer should have no momentum of its own.

    Parameters
    ----------
    momentum : float, default 0.9
        In [0, 1); 0 is D-PSGD.
    **options
        As for :class:`~decentralizepy.sharing.corrected.CorrectedSharing`.
    """

    checkpointed = ("m",)
    needs = ANYTHING

    def __init__(
        self,
        *parts: Any,
        momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9,
        **options: Any,
    ) -> None:
        super().__init__(*parts, **options)
        self.momentum = momentum
        self.m = torch.zeros_like(self.x)

    def corrected(self, after: torch.Tensor) -> torch.Tensor:
        return after - self.momentum * self.m

    def adopt(self, averaged: State) -> None:
        before = self.x
        super().adopt(averaged)
        self.m = self.momentum * self.m + (1 - self.momentum) * (before - self.x)
