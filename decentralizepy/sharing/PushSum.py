"""Stochastic gradient push, for directed graphs."""

from copy import copy
from typing import Any

import numpy as np
import torch

from decentralizepy.message import Message
from decentralizepy.models.flat import to_tensor
from decentralizepy.sharing.checks import field, positive
from decentralizepy.sharing.serverless import Serverless
from decentralizepy.sharing.Sharing import Sharing, State, frozen


class PushSum(Serverless):
    """Send equal shares of the model and of a weight; the model is their ratio.

    Assran, Loizou, Ballas and Rabbat, Stochastic Gradient Push for Distributed Deep
    Learning, ICML 2019, algorithm 1. A node has a biased model x and a push weight w,
    initially 1, and trains ``z = x / w``. In each round, where d is the number of nodes
    that it sends to,

    - ``x += z_now - z_before``, the change from training,
    - ``x / (d + 1)`` and ``w / (d + 1)`` are sent to each of them, and kept,
    - x and w become the sums of the kept and the received shares.

    The sums of x and of w over all nodes never change. So on every strongly connected
    directed graph, nodes agree on the mean of their initial models, whereas other sharing
    algorithms favor nodes with many receivers. Weights defined by the graph are ignored.

    With section CHURN, a node keeps the shares that are lost, as if it missed an
    acknowledgement; so the sums do not change then, either.

    Entries that no optimizer updates (BatchNorm's statistics) change by
    ``w (z_now - z_before)``: with a larger step, a running variance could become negative.

    Parameters
    ----------
    *parts
        The eight of :class:`~decentralizepy.sharing.Sharing.Sharing`.
    **codec
        compress, compression_package, compression_class, float_precision.

    Attributes
    ----------
    x : torch.Tensor
        The biased model, float64 of shape (N,).
    w : float
        The push weight.
    """

    keeps_peer_state = True
    checkpointed = ("x", "w", "z")

    def __init__(self, *parts: Any, **codec: Any) -> None:
        super().__init__(*parts, **codec)
        self.z = self.flat.vector().clone()
        # accumulates over all rounds: in float32, rounding errors would make the mean drift
        self.x, self.w, self.shares = self.z.double(), 1.0, 1
        self._trained = self.flat.trained()

    def get_data_to_send(self, degree: int | None = None) -> Message:
        """Return this round's share; ``degree`` is the number of receivers."""
        receivers = self._degree() if degree is None else degree
        self.shares = receivers + 1
        return super().get_data_to_send(receivers)

    def forger(self) -> Sharing:
        copied = copy(self)
        copied._trained = torch.zeros_like(self._trained)  # z is forged, not its change
        return copied

    def _pre_step(self) -> None:
        step = self.flat.vector().double() - self.z
        self.x = self.x + torch.where(self._trained, step, self.w * step)
        self.z = self.flat.vector().clone()

    def serialized_model(self) -> Message:
        """Return ``params``, a share of x in float32, and ``push_weight``, one of w."""
        params = frozen((self.x / self.shares).float())
        weight = self.w / self.shares
        return {**self.compress_data({"params": params}), "push_weight": weight}

    def deserialized_model(self, m: Message) -> State:
        """Return the sender's z, the ratio of the two shares."""
        params, weight = self._read(m)
        return self.flat.unflatten(params / weight)

    def edge_weight(self, uid: int, n_peers: int, message: Message) -> float:
        """Return 1: the sender has already weighted its share."""
        return 1.0

    def local(self) -> State:
        weight = torch.tensor(self.w, dtype=torch.float64)
        kept = 1 + self.undelivered
        return {"x": self.x * kept / self.shares, "w": weight * kept / self.shares}

    def pull(self, total: State, own: State, message: Message, weight: float) -> None:
        """Add the shares in a message to ``total``."""
        params, push_weight = self._read(message)
        total["x"].add_(params, alpha=weight)
        total["w"].add_(push_weight, alpha=weight)

    def adopt(self, averaged: State) -> None:
        self.x, self.w = averaged["x"], averaged["w"].item()
        super().adopt(self.flat.unflatten(self.x / self.w))
        self.z = self.flat.vector().clone()

    def _read(self, m: Message) -> tuple[torch.Tensor, float]:
        """Return the shares of x and w; raise a MessageError if they are invalid."""
        weight = positive(m, "push_weight")
        data = self.decompress_data(m)
        return to_tensor(field(data, "params", np.float32, self.flat.size)), weight
