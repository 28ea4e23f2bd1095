"""Algorithms that correct what they average by the change from local training."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field

from decentralizepy.message import Message
from decentralizepy.models.flat import to_tensor
from decentralizepy.sharing.checks import numbers
from decentralizepy.sharing.churn import ANYTHING, NODES
from decentralizepy.sharing.prepared import PreparedSharing
from decentralizepy.sharing.serverless import Serverless
from decentralizepy.sharing.Sharing import State, frozen


class CorrectedSharing(Serverless, PreparedSharing):
    """Average a vector that is made of the model before and after a round's training.

    Formulas of subclasses are for one gradient step per round. Here, x is the model at the
    start of a round, and ``d`` the change from training, ``x - d`` being the model after
    it: the step size times the gradient, or the sum over several steps. Entries that no
    optimizer updates (BatchNorm's statistics) are averaged as they are.

    The neighbors must be the same in every round. On undirected graphs, all of these
    algorithms move the mean over nodes exactly by the mean of d.

    Parameters and attributes as for
    :class:`~decentralizepy.sharing.prepared.PreparedSharing`.
    """

    keeps_peer_state = True
    needs: ClassVar[Mapping[str, str]] = {NODES: "its corrections would be out of date"}

    def __init__(self, *parts: Any, **codec: Any) -> None:
        super().__init__(*parts, **codec)
        self._trained = self.flat.trained()

    def corrected(self, after: torch.Tensor) -> torch.Tensor:
        """Return what to send and average, of shape (N,), from the model after training."""
        raise NotImplementedError

    def _pre_step(self) -> None:
        after = self.flat.vector().clone()
        self.sent = torch.where(self._trained, self.corrected(after), after)


class MomentumSharing(CorrectedSharing):
    """Keep a momentum, in units of the model, instead of the optimizer.

    The optimizer should have no momentum of its own.

    Parameters
    ----------
    *parts
        The eight of :class:`~decentralizepy.sharing.Sharing.Sharing`.
    momentum : float, default 0.9
        Factor of the momentum, in [0, 1); 0 is D-PSGD.
    **options
        As for :class:`CorrectedSharing`.
    """

    needs = ANYTHING

    def __init__(
        self,
        *parts: Any,
        momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9,
        **options: Any,
    ) -> None:
        super().__init__(*parts, **options)
        self.momentum = momentum


class PairedSharing(CorrectedSharing):
    """Average a second vector, y, together with the corrected model.

    Sends two vectors, so twice the bytes of other algorithms. Parameters as for
    :class:`CorrectedSharing`.

    Attributes
    ----------
    y : torch.Tensor, shape (N,)
        What ``corrected`` sets to this node's own; its average after the round.
    """

    checkpointed = ("y",)

    def __init__(self, *parts: Any, **codec: Any) -> None:
        super().__init__(*parts, **codec)
        self.y = torch.zeros(self.flat.size)

    def change(self, after: torch.Tensor) -> torch.Tensor:
        """Return d, of shape (N,), which is 0 where no optimizer updates the model."""
        return torch.where(self._trained, self.x - after, 0.0)

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
