"""Algorithms that send and average a vector made of the model, not the model itself."""

from copy import copy
from typing import Any

from decentralizepy.message import Message
from decentralizepy.sharing.Sharing import Sharing, State, frozen


class PreparedSharing(Sharing):
    """Average what subclasses put in ``sent`` before a round's messages are made.

    Parameters
    ----------
    *parts
        The eight of :class:`~decentralizepy.sharing.Sharing.Sharing`.
    **codec
        compress, compression_package, compression_class, float_precision.

    Attributes
    ----------
    x : torch.Tensor, shape (N,)
        The model after the last average, with which the round began.
    sent : torch.Tensor, shape (N,)
        What is sent and averaged.
    """

    checkpointed: tuple[str, ...] = ("x",)

    def __init__(self, *parts: Any, **codec: Any) -> None:
        super().__init__(*parts, **codec)
        self.x = self.flat.vector().clone()
        self.sent = self.x

    def forger(self) -> Sharing:
        return copy(self)

    def serialized_model(self) -> Message:
        return self.compress_data({"params": frozen(self.sent)})

    def local(self) -> State:
        return self.flat.unflatten(self.sent)

    def adopt(self, averaged: State) -> None:
        super().adopt(averaged)
        self.x = self.flat.vector().clone()
