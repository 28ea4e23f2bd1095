"""RelaySum, which relays sums of models along a tree instead of averaging them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch

from decentralizepy.message import Message
from decentralizepy.models.flat import to_tensor
from decentralizepy.sharing.checks import count, numbers, reading
from decentralizepy.sharing.serverless import Serverless
from decentralizepy.sharing.Sharing import Queue, frozen


class RelaySum(Serverless):
    """Send each neighbor the sum of the models from all others; the graph is a tree.

    With n nodes, node i sends to j the sum ``m_ij`` of its own model and of the sums that
    it received from its other neighbors in the round before, and ``c_ij``, the number of
    models in it. Then ``x_i <- (x_i (n - sum_k c_ki) + sum_k m_ki) / n``, over its
    neighbors k. So every model counts equally, each as old as it is far away. Vogels, He,
    Koloskova, Lin, Karimireddy, Stich and Jaggi, RelaySum for Decentralized Deep Learning
    on Heterogeneous Data, NeurIPS 2021, algorithm 1.

    If the message of a neighbor is missing in a round, its last one is used again: every
    model still counts 1 / n, some are older. The node's own model stands in for those that
    no message has brought yet, whose number follows from the counts. A late message is used
    unless a newer one has arrived. The graph may consist of several trees
    (:class:`~decentralizepy.graphs.DoubleBinaryTree.DoubleBinaryTree`), along each of
    which an equal part of the model is relayed.

    Parameters
    ----------
    *parts
        The eight of :class:`~decentralizepy.sharing.Sharing.Sharing`.
    **codec
        compress, compression_package, compression_class, float_precision.

    Attributes
    ----------
    sums : list of dict of int to torch.Tensor
        For each tree, the sum that each neighbor sent last, of the size of its part.
    counts : list of dict of int to int
        How many models it is of.
    newest : dict of int to int
        The round in which each neighbor sent it.
    """

    keeps_peer_state = True
    checkpointed = ("sums", "counts", "newest")

    def __init__(self, *parts: Any, **codec: Any) -> None:
        super().__init__(*parts, **codec)
        size, several = self.flat.size, len(self.graph.trees)
        ends = [size * tree // several for tree in range(several + 1)]
        self.parts = [slice(*ends[tree : tree + 2]) for tree in range(several)]
        self.sums: list[dict[int, torch.Tensor]] = [{} for _ in self.parts]
        self.counts: list[dict[int, int]] = [{} for _ in self.parts]
        self.newest: dict[int, int] = {}
        self.own = self.flat.vector()

    def _pre_step(self) -> None:
        self.own = self.flat.vector().clone()

    def send(self, receivers: Iterable[int], message: Message) -> None:
        """Send each of ``receivers`` the sum from all of the others."""
        for uid in receivers:
            relayed = {**message, **self.relayed(uid)}
            self.communication.send(uid, relayed)

    def shared_with(self, uid: int) -> Iterator[tuple[int, str]]:
        """Yield each tree in which ``uid`` is a neighbor, and the key of its count."""
        for tree, graph in enumerate(self.graph.trees):
            if uid in graph.neighbors(self.uid):
                yield tree, "models" if len(self.parts) == 1 else f"models_{tree}"

    def relayed(self, uid: int) -> Message:
        """Return the sums for a neighbor, and their numbers of models."""
        sums, counts = [], {}
        for tree, key in self.shared_with(uid):
            others = [other for other in sorted(self.sums[tree]) if other != uid]
            relayed = sum(self.sums[tree][other] for other in others)
            sums.append(self.own[self.parts[tree]] + relayed)
            counts[key] = 1 + sum(self.counts[tree][other] for other in others)
        return {**self.compress_data({"params": frozen(torch.cat(sums))}), **counts}

    def take(self, uid: int, message: Message) -> None:
        """Keep what a neighbor has sent, unless something newer is known."""
        number = message["iteration"]
        if number <= self.newest.get(uid, -1):
            return
        shared = dict(self.shared_with(uid))
        sizes = [self.own[self.parts[tree]].numel() for tree in shared]
        with reading(uid, message):
            data = self.decompress_data(message)
            found = numbers(data, "params", sum(sizes)).astype(np.float32)
            most = self.graph.n_procs - 1
            counts = [count(message, key, 1, most) for key in shared.values()]
        self.newest[uid] = number
        whole = torch.split(to_tensor(found), sizes)
        for tree, models, part in zip(shared, counts, whole, strict=True):
            self.sums[tree][uid], self.counts[tree][uid] = part, models

    def total(self, tree: int) -> torch.Tensor:
        """Return the sum of all models, of which the own one stands for missing ones."""
        missing = self.graph.n_procs - sum(self.counts[tree].values())
        own, sums = self.flat.vector()[self.parts[tree]], self.sums[tree]
        total: torch.Tensor = own * missing + sum(sums[uid] for uid in sorted(sums))
        return total

    @torch.no_grad()
    def _averaging(self, peer_deques: Mapping[int, Queue]) -> None:
        for uid in sorted(peer_deques):
            self.take(uid, peer_deques[uid].popleft())
        totals = torch.cat([self.total(tree) for tree in range(len(self.parts))])
        self.adopt(self.flat.unflatten(totals / self.graph.n_procs))
        self._post_step()
        self.communication_round += 1
