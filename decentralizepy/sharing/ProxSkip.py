"""ProxSkip, in which nodes communicate only in some rounds, drawn at random."""

from typing import Annotated, Any

import torch
from pydantic import Field

from decentralizepy.message import Message
from decentralizepy.randomness import Purpose, seed_of, stream
from decentralizepy.sharing.corrected import CorrectedSharing
from decentralizepy.sharing.Sharing import State


class ProxSkip(CorrectedSharing):
    """Correct local steps, and communicate in a round with some probability.

    In every round, ``z = x - d - y``. In those in which nodes communicate, the same for
    all of them, ``x <- (I - (I - W) / (2 chi)) z`` and ``y <- y + beta (z - x)``; in the
    others, ``x <- z``, and nothing is sent. The corrections y of all nodes sum to 0.
    Mishchenko, Malinovsky, Stich and Richtarik, ProxSkip: Yes! Local Gradient Steps
    Provably Lead to Communication Acceleration!, ICML 2022, section 5 (decentralized
    Scaffnew), with the weights of Guo, Alghunaim, Yuan, Condat and Cao, Revisiting
    Decentralized ProxSkip: Achieving Linear Speedup, arXiv:2310.07983. With probability 1
    and the other defaults, it is
    :class:`~decentralizepy.sharing.ExactDiffusion.ExactDiffusion`.

    Parameters
    ----------
    probability : float, default 0.2
        The probability that nodes communicate in a round, in (0, 1].
    chi : float, default 1.0
        Damping of the averaging weights, at least 1; larger values mix less.
    beta : float, optional
        Factor of the corrections, above 0; by default the probability.
    **options
        As for :class:`~decentralizepy.sharing.corrected.CorrectedSharing`.
    """

    checkpointed = ("y",)

    def __init__(
        self,
        *parts: Any,
        probability: Annotated[float, Field(gt=0, le=1)] = 0.2,
        chi: Annotated[float, Field(ge=1)] = 1.0,
        beta: Annotated[float, Field(gt=0)] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(*parts, **options)
        self.probability, self.chi = probability, chi
        self.beta = probability if beta is None else beta
        self.y = torch.zeros_like(self.x)

    def silent_rounds(self, rounds: int) -> frozenset[int]:
        coins = stream(Purpose.COINS, seed_of(self.dataset)).random(rounds)
        return frozenset((coins >= self.probability).nonzero()[0].tolist())

    def corrected(self, after: torch.Tensor) -> torch.Tensor:
        return after - self.y

    def edge_weight(self, uid: int, n_peers: int, message: Message) -> float:
        return super().edge_weight(uid, n_peers, message) / (2 * self.chi)

    def adopt(self, averaged: State) -> None:
        moved = self.sent - self.flat.flatten(averaged)
        self.y = self.y + torch.where(self._trained, self.beta * moved, 0.0)
        super().adopt(averaged)
