"""Local exact diffusion, which corrects every local step."""

from typing import Annotated, Any

import torch
from pydantic import Field

from decentralizepy.message import Message
from decentralizepy.sharing.Sharing import State
from decentralizepy.sharing.stepwise import StepwiseSharing


class LED(StepwiseSharing):
    """Exact diffusion with several local steps per round, all of them corrected.

    Subtract ``beta * y`` from the model after each of the round's steps, which makes phi
    of x; then ``x <- (I + W) / 2 phi`` and ``y <- y + phi - x``. The corrections y of all
    nodes sum to 0. Alghunaim, Local Exact-Diffusion for Decentralized Optimization and
    Learning, IEEE TAC 2024, arXiv:2302.00620, algorithm 1. With one step and beta = 1, it
    is :class:`~decentralizepy.sharing.ExactDiffusion.ExactDiffusion`.

    Parameters
    ----------
    beta : float, optional
        Factor of the corrections, above 0; by default 1 divided by the number of steps in
        a round.
    **options
        As for :class:`~decentralizepy.sharing.corrected.CorrectedSharing`.
    """

    checkpointed = ("y",)

    def __init__(
        self,
        *parts: Any,
        beta: Annotated[float, Field(gt=0)] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(*parts, **options)
        self.beta = beta
        self.y = torch.zeros_like(self.x)

    def correction(self) -> torch.Tensor:
        beta = 1 / max(self.steps, 1) if self.beta is None else self.beta
        return beta * self.y  # which is 0 until the number of steps is known

    def corrected(self, after: torch.Tensor) -> torch.Tensor:
        return after

    def edge_weight(self, uid: int, n_peers: int, message: Message) -> float:
        return super().edge_weight(uid, n_peers, message) / 2

    def adopt(self, averaged: State) -> None:
        moved = self.sent - self.flat.flatten(averaged)
        self.y = self.y + torch.where(self._trained, moved, 0.0)
        super().adopt(averaged)
