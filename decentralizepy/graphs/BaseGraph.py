"""Exact consensus in finitely many rounds for any number of nodes, with few peers."""

from functools import cached_property
from itertools import combinations, zip_longest
from math import prod

from decentralizepy.errors import GraphError
from decentralizepy.graphs.Graph import Graph
from decentralizepy.graphs.TimeVarying import TimeVarying

Edges = dict[tuple[int, int], float]
"""The weight of each pair (lower uid, higher uid) of one round."""


class Weighted(Graph):
    """An undirected graph with averaging weights of its own.

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


class BaseGraph(TimeVarying):
    """A sequence after which all nodes have the exact mean, again and again.

    It follows the idea of Takezawa, Sato, Bao, Niwa and Yamada, Beyond Exponential
    Graph: Communication-Efficient Topologies for Decentralized Learning via Finite-time
    Convergence, NeurIPS 2023, the base-(k + 1) graph for k peers a round. As there, a
    number of nodes without a prime factor above k + 1 takes one round a factor, in each
    of which groups of that many nodes average. Others are split; here in only two parts:
    the first a (k + 1)^p nodes, the most that there are with a <= k, and the rest. The
    first part averages; each node of the rest meets one node of each of its a blocks, by
    which both parts have the global mean; then each part averages. The paper splits by
    all digits of n in base k + 1 at once and shortens what comes after, for fewer rounds.

    Each round's weights are symmetric and doubly stochastic, and are the graph's own
    (:meth:`~decentralizepy.graphs.Graph.Graph.weight`).

    Parameters
    ----------
    n_procs : int
        Number of nodes.
    peers : int, default 1
        The most peers, k, that a node has in a round; at least 1.

    Attributes
    ----------
    period : int
        Rounds until the mean is there, and the sequence starts again.
    """

    def __init__(self, n_procs: int, peers: int = 1) -> None:
        if peers < 1:
            raise GraphError(f"peers = {peers}: expected 1 or more peers a round")
        self.peers = peers
        super().__init__(n_procs)

    @cached_property
    def _sequence(self) -> list[Edges]:
        return average(range(self.n_procs), self.peers + 1) or [{}]

    @property
    def period(self) -> int:
        return len(self._sequence)

    def draw(self, iteration: int) -> Weighted:
        return Weighted(self.n_procs, self._sequence[iteration % self.period])


def average(nodes: range, base: int) -> list[Edges]:
    """Return rounds that average over ``nodes``, in groups of ``base`` at most."""
    sizes = factors(len(nodes), base)
    if sizes is not None:
        return [groups(nodes, prod(sizes[:i]), size) for i, size in enumerate(sizes)]
    block = base
    while block * base <= len(nodes):
        block *= base
    split = len(nodes) // block * block
    first, rest = nodes[:split], nodes[split:]
    before, after = average(first, base), average(rest, base)
    idle: Edges = {}
    ends = zip_longest(before, after, fillvalue=idle)
    return [*before, pairs(first, rest, block), *(one | other for one, other in ends)]


def factors(number: int, most: int) -> list[int] | None:
    """Return factors of ``number`` from 2 to ``most``; None if there are none such."""
    found = []
    while number > 1:
        size = next((d for d in range(most, 1, -1) if number % d == 0), None)
        if size is None:
            return None
        found.append(size)
        number //= size
    return found


def groups(nodes: range, stride: int, size: int) -> Edges:
    """Return complete graphs on every ``size`` nodes that are ``stride`` apart."""
    starts = (i for i in range(len(nodes)) if i // stride % size == 0)
    members = (nodes[i : i + stride * size : stride] for i in starts)
    return {pair: 1 / size for group in members for pair in combinations(group, 2)}


def pairs(first: range, rest: range, block: int) -> Edges:
    """Return edges from each node of ``rest`` to one in each block of ``first``.

    With f nodes of equal models in ``first``, r in ``rest`` and n in all, weights of
    f / (n blocks) bring the mean of each part to the mean of all: that of ``rest`` moves
    f / n of the way to the other, and that of ``first`` r / n.
    """
    blocks = len(first) // block
    weight = len(first) / ((len(first) + len(rest)) * blocks)
    return {
        (first[number * block + i], node): weight
        for i, node in enumerate(rest)
        for number in range(blocks)
    }
