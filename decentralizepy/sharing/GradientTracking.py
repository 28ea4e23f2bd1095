"""Gradient tracking, in which nodes follow an estimate of the mean gradient."""

from typing import Any

import torch

from decentralizepy.message import Message
from decentralizepy.models.flat import to_tensor
from decentralizepy.sharing.checks import numbers
from decentralizepy.sharing.corrected import CorrectedSharing
from decentralizepy.sharing.Sharing import State, frozen


class GradientTracking(CorrectedSharing):
    """Average ``x - y`` and y, where y follows the mean change of all nodes.

    ``y = W y_old + d - d_old``, in the first round d; then ``x <- W (x - y)``. Di Lorenzo
    and Scutari, NEXT: In-Network Nonconvex Optimization, IEEE TSIPN 2016, in the
    adapt-then-combine form of Xu, Zhu, Soh and Xie, Augmented Distributed Gradient Methods
    for Multi-Agent Optimization, CDC 2015. Sends two vectors, so twice the bytes of other
    algorithms. Options as for
    :class:`~decentralizepy.sharing.corrected.CorrectedSharing`.
    """

    checkpointed = ("y", "d")

    def __init__(self, *parts: Any, **codec: Any) -> None:
        super().__init__(*parts, **codec)
        self.y, self.d = torch.zeros(2, self.flat.size)

    def corrected(self, after: torch.Tensor) -> torch.Tensor:
        change = torch.where(self._trained, self.x - after, 0.0)
        self.y = self.y + change - self.d
        self.d = change
        corrected: torch.Tensor = self.x - self.y
        return corrected

    def serialized_model(self) -> Message:
        both = torch.cat([self.sent, self.y])
        return self.compress_data({"params": frozen(both)})

    def deserialized_model(self, m: Message) -> State:
        """Return both vectors, of shape (N,), under the names ``x`` and ``y``."""
        both = numbers(self.decompress_data(m), "params", 2 * self.flat.size)
        x, y = to_tensor(both).chunk(2)
        return {"x": x, "y": y}

    def local(self) -> State:
        return {"x": self.sent, "y": self.y}

    def adopt(self, averaged: State) -> None:
        self.y = averaged["y"]
        super().adopt(self.flat.unflatten(averaged["x"]))
