"""Small-world graph: a ring with shortcuts."""

from decentralizepy.errors import GraphError
from decentralizepy.graphs.Graph import Graph


class SmallWorld(Graph):
    """A small-world graph, with a ring always added so that it is connected.

    Each node is connected to its ``2 * k_over_2`` nearest nodes on the ring, and each of
    these edges is then rewired to a random node with probability `beta` (D. Watts and
    S. Strogatz, Collective dynamics of small-world networks, Nature 1998).

    Parameters
    ----------
    n_procs : int
        Number of nodes, at least 1.
    k_over_2 : int
        Number of nearest nodes on each side, 0 to ``n_procs / 2``.
    beta : float
        Probability of rewiring an edge, 0 to 1.
    seed : int, optional
        Equal seeds give equal graphs; without one each graph is another.

    Raises
    ------
    GraphError
        `k_over_2` or `beta` is out of range.
    """

    def __init__(
        self, n_procs: int, k_over_2: int, beta: float, seed: int | None = None
    ) -> None:
        super().__init__(n_procs)
        if not 0 <= 2 * k_over_2 <= n_procs:
            raise GraphError(
                f"k_over_2 = {k_over_2}: for {n_procs} nodes it is a number"
                f" from 0 to {n_procs // 2}"
            )
        if not 0 <= beta <= 1:
            raise GraphError(f"beta = {beta}: it is a probability, 0 to 1")
        import networkx as nx

        self.add_edges(
            nx.watts_strogatz_graph(n_procs, 2 * k_over_2, beta, seed=seed).edges()
        )
        self.connect_graph()
