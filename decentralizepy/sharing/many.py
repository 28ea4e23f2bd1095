"""Averages of many nodes at once: the rows of a matrix, mixed by a graph's weights."""

from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn.functional import embedding_bag

from decentralizepy.config.overrides import own_method
from decentralizepy.errors import AtNode
from decentralizepy.sharing.finite import (
    finite,
    sent,
    spoilt_by_averaging,
    spoilt_by_training,
)
from decentralizepy.sharing.Sharing import Sharing

ROWS = 256  # of a product, so that they stay in the cache


class Part(NamedTuple):
    """The averages of some consecutive nodes, as arguments of ``embedding_bag``."""

    rows: slice
    senders: torch.Tensor
    starts: torch.Tensor
    weights: torch.Tensor


class Mixing:
    """The averages of some nodes of a network, all of whose models are in one matrix.

    As with :class:`~decentralizepy.sharing.Sharing.Sharing`, the weights are those of the
    round's graph, or Metropolis-Hastings. A node's own model comes first in the sum, then
    those of its peers in the order of their uids.

    Parameters
    ----------
    sharing : Sharing
        The sharing of one of the nodes, without methods of a user's own.
    uids : range
        The nodes to average for.
    """

    def __init__(self, sharing: Any, uids: range) -> None:
        self.sharing, self.uids = sharing, uids
        self._graph: Any = None
        self._parts: list[Part] = []

    @torch.no_grad()
    def average(self, models: torch.Tensor, mean: torch.Tensor, number: int) -> None:
        """Write the averages of a round.

        Parameters
        ----------
        models : torch.Tensor, shape (nodes, N)
            Those of all nodes of the network.
        mean : torch.Tensor, shape (len(uids), N)
            What to write to.
        number : int
            The round, from 0.

        Raises
        ------
        AtNode
            If an average is not finite, unless ``nonfinite = keep``.
        """
        graph = self.sharing.graph.at(number)
        if graph is not self._graph:
            self._graph, self._parts = graph, [*self._weighed(graph)]
        for part in self._parts:
            average = embedding_bag(
                part.senders,
                models,
                part.starts,
                mode="sum",
                per_sample_weights=part.weights,
            )
            mean[part.rows] = average
            if self.sharing.nonfinite != "keep":
                sound = average.sum(1).isfinite()
                if not sound.all():
                    self._check(models, mean, part.rows, number)

    def _weighed(self, graph: Any) -> "list[Part]":
        known = [[uid, *sorted(graph.in_neighbors(uid))] for uid in self.uids]
        counts = np.array([len(each) for each in known])
        senders = np.fromiter(chain.from_iterable(known), np.int64, counts.sum())
        receivers = np.repeat(np.asarray(self.uids), counts)
        degrees = np.array([len(graph.neighbors(uid)) for uid in range(graph.n_procs)])
        peers = np.repeat(counts - 1, counts)
        weights = 1 / (1 + np.maximum(peers, degrees[senders]))
        for place, edge in enumerate(zip(receivers, senders, strict=True)):
            own = graph.weight(*map(int, edge))
            if own is not None:
                weights[place] = own
        ends = np.cumsum(counts)
        starts = ends - counts
        weights[starts] = 0.0
        weights[starts] = 1 - np.add.reduceat(weights, starts)
        return [
            Part(
                slice(first, last),
                torch.from_numpy(senders[starts[first] : ends[last - 1]]),
                torch.from_numpy(starts[first:last] - starts[first]),
                torch.from_numpy(
                    weights[starts[first] : ends[last - 1]].astype(np.float32)
                ),
            )
            for first, last in _parts(len(self.uids))
        ]

    def _check(
        self, models: torch.Tensor, mean: torch.Tensor, rows: slice, number: int
    ) -> None:
        """Raise an error for the node whose training the NaN or infinity began with."""
        unsound = [
            uid
            for uid, row in zip(self.uids[rows], mean[rows], strict=True)
            if not finite({"params": row})
        ]
        for uid in unsound:
            if not finite({"params": models[uid]}):
                raise AtNode(uid) from spoilt_by_training(uid, number + 1)
        for uid in unsound:
            for peer in sorted(self._graph.in_neighbors(uid)):
                if not finite({"params": models[peer]}):
                    raise AtNode(uid) from sent(peer, number + 1)
            raise AtNode(uid) from spoilt_by_averaging(
                uid, type(self.sharing), number + 1
            )


def obstacle(sharing: Any) -> str:
    """Return why the averages of nodes like this one's cannot be taken at once; or ""."""
    if own := own_method(type(sharing), Sharing):
        return f"{type(sharing).__name__} overrides {own}"
    return "[SHARING] compress is set" if sharing.compress else ""


def _parts(count: int) -> Sequence[tuple[int, int]]:
    starts = range(0, count, ROWS)
    return [(start, min(start + ROWS, count)) for start in starts]
