"""EXTRA, an exact first-order algorithm that averages before the step."""

from typing import Any

import torch

from decentralizepy.sharing.corrected import CorrectedSharing
from decentralizepy.sharing.Sharing import State


class EXTRA(CorrectedSharing):
    """Average the models at the start of the round; correct the result.

    ``x <- W x + x_old_w - d``, where ``x_old_w = x - (x_old + W x_old) / 2 + d_old``, or 0
    in the first round. Shi, Ling, Wu and Yin, EXTRA: An Exact First-Order Algorithm for
    Decentralized Consensus Optimization, SIAM J. Optimization 2015, algorithm 1, with
    ``(I + W) / 2`` for the second matrix. What is learned in a round is sent in the next
    one. Options as for :class:`~decentralizepy.sharing.corrected.CorrectedSharing`.
    """

    checkpointed = ("d", "old")

    def __init__(self, *parts: Any, **codec: Any) -> None:
        super().__init__(*parts, **codec)
        self.d = torch.zeros_like(self.x)
        self.old: torch.Tensor | None = None  # (x + W x) / 2 of the round before

    def corrected(self, after: torch.Tensor) -> torch.Tensor:
        self._change = self.x - after
        return self.x

    def adopt(self, averaged: State) -> None:
        mixed = self.flat.flatten(averaged)
        correction = torch.zeros_like(self.x)
        if self.old is not None:
            correction = self.x - self.old + self.d
        self.old, self.d = (self.x + mixed) / 2, self._change
        new = torch.where(self._trained, mixed + correction - self.d, mixed)
        super().adopt(self.flat.unflatten(new))
