"""Base classes of graphs that change from round to round, are directed or weighted."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

from decentralizepy.graphs.Graph import Graph

KEPT_ROUNDS = 16  # nodes are at most a few rounds apart; older graphs can be redrawn


class TimeVarying(Graph):
    """A sequence of graphs; subclasses implement ``draw``.

    Neighbors and weights are those of round 0; use ``at`` for other rounds.

    Parameters
    ----------
    n_procs : int
        Number of nodes.
    """

    fixed = False

    def __init__(self, n_procs: int) -> None:
        super().__init__(n_procs)
        self._rounds = lru_cache(KEPT_ROUNDS)(self.draw)
        self.adj_list = self.at(0).adj_list

    def draw(self, iteration: int) -> Graph:
        """Return the graph of a round; it depends only on the round and the options."""
        raise NotImplementedError

    def at(self, iteration: int) -> Graph:
        return self._rounds(iteration)

    def in_neighbors(self, uid: int) -> set[int]:
        return self.at(0).in_neighbors(uid)

    def weight(self, uid: int, other: int) -> float | None:
        return self.at(0).weight(uid, other)


class Directed(Graph):
    """A directed graph: ``adj_list`` contains the nodes that each node sends to.

    Parameters
    ----------
    receivers : list of set of int
        For each node, the uids that it sends to.
    """

    directed = True

    def __init__(self, receivers: list[set[int]]) -> None:
        super().__init__(len(receivers))
        self.adj_list = receivers
        self._senders: list[set[int]] = [set() for _ in receivers]
        for uid, others in enumerate(receivers):
            for other in others:
                self._senders[other].add(uid)

    def in_neighbors(self, uid: int) -> set[int]:
        return self._senders[uid]


Edges = dict[tuple[int, int], float]
"""Weights by (lower uid, higher uid)."""


class Weighted(Graph):
    """An undirected graph with its own averaging weights.

    Parameters
    ----------
    n_procs : int
        Number of nodes.
    edges : dict of (int, int) to float
        The weight of each pair, lower uid first.
    """

    def __init__(self, n_procs: int, edges: Edges) -> None:
        super().__init__(n_procs)
        self.add_edges(edges)
        self._edges = edges

    def weight(self, uid: int, other: int) -> float | None:
        return self._edges.get((min(uid, other), max(uid, other)))


class Shifted(Directed):
    """A directed graph in which node i sends to ``i + a`` for some shifts a, modulo n.

    Parameters
    ----------
    n_procs : int
        Number of nodes.
    shifts : list of int
        From 1 to n - 1; if one is listed twice, the model has twice the weight.
    share : float
        The weight of each received model.
    """

    def __init__(self, n_procs: int, shifts: list[int], share: float) -> None:
        self.shifts, self._share, self._counts = shifts, share, Counter(shifts)
        super().__init__(
            [{(uid + each) % n_procs for each in shifts} for uid in range(n_procs)]
        )

    def weight(self, uid: int, other: int) -> float | None:
        """Return the weight of the model that ``uid`` receives from ``other``."""
        count = self._counts[(uid - other) % self.n_procs]
        return count * self._share if count else None
