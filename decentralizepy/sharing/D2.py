"""D2, whose error does not grow with the difference between the nodes' data."""

from typing import Any

import torch

from decentralizepy.sharing.corrected import CorrectedSharing


class D2(CorrectedSharing):
    """Average ``2 x - x_old - (d - d_old)``, where ``_old`` is of the round before.

    In the first round, ``x - d``. Tang, Lian, Yan, Zhang and Liu, D2: Decentralized
    Training over Decentralized Data, ICML 2018, algorithm 1, in the form ``psi + x -
    psi_old`` with ``psi = x - d``. It diverges unless the smallest eigenvalue of the
    averaging weights exceeds -1/3, which is checked before the start;
    :class:`~decentralizepy.sharing.ExactDiffusion.ExactDiffusion` has no such condition.
    Options and attributes as for
    :class:`~decentralizepy.sharing.corrected.CorrectedSharing`.
    """

    checkpointed = ("psi",)

    def __init__(self, *parts: Any, **codec: Any) -> None:
        super().__init__(*parts, **codec)
        self.psi = self.x.clone()

    def corrected(self, after: torch.Tensor) -> torch.Tensor:
        corrected = after + self.x - self.psi
        self.psi = after
        return corrected
