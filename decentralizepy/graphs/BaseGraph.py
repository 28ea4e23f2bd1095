"""Time-varying graph that reaches exact consensus in finitely many rounds."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import chain, combinations, zip_longest
from math import prod

from decentralizepy.errors import GraphError
from decentralizepy.graphs._factors import factors, rough_part
from decentralizepy.graphs.TimeVarying import Edges, TimeVarying, Weighted


class BaseGraph(TimeVarying):
    """A periodic sequence; after each period, all nodes have the exact mean.

    The base-(k + 1) graph of Takezawa, Sato, Bao, Niwa and Yamada, Beyond Exponential
    Graph: Communication-Efficient Topologies for Decentralized Learning via Finite-time
    Convergence, NeurIPS 2023, algorithms 1 to 3, for k peers a round. It takes at most
    2 log(n) / log(k + 1) + 2 rounds, and the fewest, log(n) / log(k + 1), where n is a
    power of k + 1.

    The weights of each round are symmetric and doubly stochastic, and are defined by the
    graph (:meth:`~decentralizepy.graphs.Graph.Graph.weight`).

    Parameters
    ----------
    n_procs : int
        Number of nodes.
    peers : int, default 1
        Maximum number of peers k of a node in a round; at least 1.

    Attributes
    ----------
    period : int
        Number of rounds until the mean is reached and the sequence repeats.
    """

    def __init__(self, n_procs: int, peers: int = 1) -> None:
        if peers < 1:
            raise GraphError(f"peers = {peers}: expected 1 or more peers per round")
        self.peers = peers
        super().__init__(n_procs)

    @cached_property
    def _sequence(self) -> list[Edges]:
        return base_graph(range(self.n_procs), self.peers) or [{}]

    @property
    def period(self) -> int:
        return len(self._sequence)

    def draw(self, iteration: int) -> Weighted:
        return Weighted(self.n_procs, self._sequence[iteration % self.period])


def base_graph(nodes: Sequence[int], peers: int) -> list[Edges]:
    """Return rounds that average over ``nodes``: algorithm 3.

    With n = p q, where p has the prime factors of n up to k + 1, p parts of q nodes
    average side by side; then those in the same place of each part do. Where that takes
    longer than to pass over the factors, it is left out.
    """
    q = rough_part(len(nodes), peers + 1)
    parts = [nodes[start : start + q] for start in range(0, len(nodes), q)]
    rounds = side_by_side([simple_base_graph(part, peers) for part in parts])
    across = [nodes[place::q] for place in range(q)]
    rounds += side_by_side([hypercube(part, peers) for part in across])
    return min(rounds, simple_base_graph(nodes, peers), key=len)


def simple_base_graph(nodes: Sequence[int], peers: int) -> list[Edges]:
    """Return rounds that average over ``nodes``: algorithm 2.

    They are split by the digits of n in base k + 1, into parts of a (k + 1)^p nodes, in
    a blocks. All parts average. Then part after part meets all that come after it, each
    node of which meets one node of each block: the mean of the part, and that of those
    after it, become the mean of all. Each block of the part has the same models then, and
    averages, while the parts after it meet.
    """
    if factors(len(nodes), peers + 1) is not None:
        return hypercube(nodes, peers)
    parts = split(nodes, peers + 1)
    within = side_by_side([hypercube([*chain(*part)], peers) for part in parts])
    later = []
    for number, part in enumerate(parts[:-1]):
        idle: list[Edges] = [{}] * number
        after = chain(*parts[number + 1 :])
        meeting = pairs(part, [*chain(*after)])
        blocks = side_by_side([hypercube(block, peers) for block in part])
        later.append([*idle, meeting, *blocks])
    return within + side_by_side(later)


def hypercube(nodes: Sequence[int], peers: int) -> list[Edges]:
    """Return rounds that average over ``nodes``, one for each factor: algorithm 1.

    In each round, nodes average in groups whose size is the factor.
    """
    sizes = factors(len(nodes), peers + 1)
    assert sizes is not None
    return [groups(nodes, prod(sizes[:i]), size) for i, size in enumerate(sizes)]


def split(nodes: Sequence[int], base: int) -> list[list[Sequence[int]]]:
    """Return parts of a * base^p nodes, by descending p, each as its a < base blocks."""
    parts, size = [], 1
    while size * base <= len(nodes):
        size *= base
    while size:
        count = len(nodes) // size
        blocks = [nodes[i * size : (i + 1) * size] for i in range(count)]
        if blocks:
            parts.append(blocks)
        nodes = nodes[count * size :]
        size //= base
    return parts


def side_by_side(sequences: Iterable[list[Edges]]) -> list[Edges]:
    """Return rounds that run ``sequences`` in parallel; shorter ones idle at the end."""
    together = zip_longest(*sequences, fillvalue=Edges())
    return [
        {pair: w for edges in each for pair, w in edges.items()} for each in together
    ]


def groups(nodes: Sequence[int], stride: int, size: int) -> Edges:
    """Return complete graphs on groups of ``size`` nodes that are ``stride`` apart."""
    starts = (i for i in range(len(nodes)) if i // stride % size == 0)
    members = (nodes[i : i + stride * size : stride] for i in starts)
    return {
        edge(*pair): 1 / size for group in members for pair in combinations(group, 2)
    }


def pairs(blocks: Sequence[Sequence[int]], rest: Sequence[int]) -> Edges:
    """Return edges from each node of ``rest`` to one node of each of ``blocks``.

    With a blocks of f nodes in total and r nodes in ``rest``, weights of f / (a (f + r))
    turn the means of both into the mean of all nodes.
    """
    first = sum(map(len, blocks))
    weight = first / (len(blocks) * (first + len(rest)))
    return {
        edge(block[place], node): weight
        for place, node in enumerate(rest)
        for block in blocks
    }


def edge(one: int, other: int) -> tuple[int, int]:
    return min(one, other), max(one, other)
