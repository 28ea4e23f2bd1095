"""K-GT, which is gradient tracking with several local steps per round."""

from typing import Annotated, Any

import torch
from pydantic import Field

from decentralizepy.sharing.corrected import PairedSharing
from decentralizepy.sharing.Sharing import State
from decentralizepy.sharing.stepwise import StepwiseSharing


class KGT(StepwiseSharing, PairedSharing):
    """Correct each of the K steps of a round by the tracked difference from the mean.

    Subtract c from the model after each step, and let z be the mean change per step, with
    the corrections. Then ``x <- W (x - step_size * K z)`` and ``c <- c - z + W z``, from
    c = 0. The corrections c of all nodes sum to 0. Liu, Lin, Koloskova and Stich,
    Decentralized Gradient Tracking with Local Steps, Optimization Methods and Software
    2024, arXiv:2301.01313, algorithm 1, whose c and z are ours divided by the step size.
    With one step per round, it is
    :class:`~decentralizepy.sharing.GradientTracking.GradientTracking`. Sends two vectors, so
    twice the bytes of other algorithms.

    Parameters
    ----------
    step_size : float, default 1.0
        The communication step size relative to the local one, above 0.
    **options
        As for :class:`~decentralizepy.sharing.corrected.CorrectedSharing`.
    """

    checkpointed = ("c",)

    def __init__(
        self,
        *parts: Any,
        step_size: Annotated[float, Field(gt=0)] = 1.0,
        **options: Any,
    ) -> None:
        super().__init__(*parts, **options)
        self.step_size = step_size
        self.c = torch.zeros_like(self.x)

    def correction(self) -> torch.Tensor:
        return self.c

    def corrected(self, after: torch.Tensor) -> torch.Tensor:
        change = self.change(after)
        self.y = change / max(self.steps, 1)  # z
        return self.x - self.step_size * change

    def adopt(self, averaged: State) -> None:
        self.c = self.c - self.y + averaged["y"]
        super().adopt(averaged)
