"""RelaySum, which relays sums of models along a tree instead of averaging them."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch

from decentralizepy.message import Message
from decentralizepy.models.flat import to_tensor
from decentralizepy.sharing.checks import count, numbers, reading
from decentralizepy.sharing.Sharing import Queue, Sharing, frozen


class RelaySum(Sharing):
    """Send each neighbor the sum of the models from all others; the graph is a tree.

    With n nodes, node i sends to j the sum ``m_ij`` of its own model and of the sums that
    it received from its other neighbors in the round before, and ``c_ij``, the number of
    models in it. Then ``x_i <- (x_i (n - sum_k c_ki) + sum_k m_ki) / n``, over its
    neighbors k. So every model counts equally, each as old as it is far away. Vogels, He,
    Koloskova, Lin, Karimireddy, Stich and Jaggi, RelaySum for Decentralized Deep Learning
    on Heterogeneous Data, NeurIPS 2021, algorithm 1.

    Parameters
    ----------
    *parts
        The eight of :class:`~decentralizepy.sharing.Sharing.Sharing`.
    **codec
        compress, compression_package, compression_class, float_precision.

    Attributes
    ----------
    sums : dict of int to torch.Tensor
        The sum that each neighbor sent last, of shape (N,).
    counts : dict of int to int
        How many models it is of.
    """

    keeps_peer_state = True
    checkpointed = ("sums", "counts")

    def __init__(self, *parts: Any, **codec: Any) -> None:
        super().__init__(*parts, **codec)
        self.sums: dict[int, torch.Tensor] = {}
        self.counts: dict[int, int] = {}
        self.own = self.flat.vector()

    def _pre_step(self) -> None:
        self.own = self.flat.vector().clone()

    def send(self, receivers: Iterable[int], message: Message) -> None:
        """Send each of ``receivers`` the sum from all of the others."""
        for uid in receivers:
            relayed = {**message, **self.relayed(uid)}
            self.communication.send(uid, relayed)

    def relayed(self, uid: int) -> Message:
        """Return the sum for a neighbor, and its number of models."""
        others = [other for other in sorted(self.sums) if other != uid]
        total = self.own + sum(self.sums[other] for other in others)
        models = 1 + sum(self.counts[other] for other in others)
        return {**self.compress_data({"params": frozen(total)}), "models": models}

    @torch.no_grad()
    def _averaging(self, peer_deques: Mapping[int, Queue]) -> None:
        nodes = self.graph.n_procs
        for uid in sorted(peer_deques):
            message = peer_deques[uid].popleft()
            with reading(uid, message):
                found = numbers(self.decompress_data(message), "params", self.flat.size)
                self.counts[uid] = count(message, "models", 1, nodes - 1)
            self.sums[uid] = to_tensor(found.astype(np.float32))
        known = sum(self.counts.values())
        total = self.flat.vector() * (nodes - known) + sum(
            self.sums[uid] for uid in sorted(self.sums)
        )
        self.adopt(self.flat.unflatten(total / nodes))
        self._post_step()
        self.communication_round += 1
