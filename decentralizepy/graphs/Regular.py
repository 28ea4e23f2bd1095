"""Random regular graph."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from decentralizepy.errors import GraphError
from decentralizepy.graphs.Graph import Graph

if TYPE_CHECKING:
    import networkx as nx

# a draw of degree 3 or more is connected with high probability; of degree 2, with
# probability about 1.9 / sqrt(n)
_DRAWS = 20


class Regular(Graph):
    """A connected random regular graph.

    It is drawn by networkx (A. Steger and N. Wormald, Generating random regular
    graphs quickly, 1999), and redrawn from the same random stream until it is
    connected. Large graphs of degree 2 rarely are: after 20 draws, a uniformly random
    cycle, which has the same distribution, is used instead. No graph of degree 0 or 1
    over more than two nodes is connected: a ring is added, and the degree is higher than
    requested.

    Parameters
    ----------
    n_procs : int
        Number of nodes, at least 1.
    degree : int
        Neighbors of each node, below `n_procs`; even if `n_procs` is odd.
    seed : int, optional
        Equal seeds give equal graphs; without one, every graph is different.

    Raises
    ------
    GraphError
        No graph has this degree.
    """

    def __init__(self, n_procs: int, degree: int, seed: int | None = None) -> None:
        super().__init__(n_procs)
        if not 0 <= degree < n_procs or n_procs * degree % 2:
            raise GraphError(
                f"{n_procs} nodes cannot all have degree {degree}: it must be"
                f" {'an even number' if n_procs % 2 else 'a number'}"
                f" from 0 to {n_procs - 1}"
            )
        self._fill(degree, random.Random(seed))

    def _fill(self, degree: int, stream: random.Random) -> None:
        import networkx as nx

        for _ in range(_DRAWS if degree > 1 else 1):
            drawn = _draw(self.n_procs, degree, stream)
            if nx.is_connected(drawn):
                self.add_edges(drawn.edges())
                return
        if degree == 2:
            self._close_cycle(stream)
        else:
            self.add_edges(drawn.edges())
            self.connect_graph()

    def _close_cycle(self, stream: random.Random) -> None:
        order = list(range(self.n_procs))
        stream.shuffle(order)
        self.add_edges(zip(order, order[1:] + order[:1], strict=True))


def _draw(n: int, degree: int, stream: random.Random) -> nx.Graph:
    import networkx as nx

    if degree > n // 2:  # networkx hardly ever finishes a dense graph
        return nx.complement(_draw(n, n - 1 - degree, stream))
    return nx.random_regular_graph(degree, n, seed=stream)
