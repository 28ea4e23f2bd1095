"""Every node joined to every other."""

from itertools import combinations

from decentralizepy.graphs.Graph import Graph


class FullyConnected(Graph):
    """A complete graph: degree n - 1 everywhere.

    Parameters
    ----------
    n_procs : int
        Number of nodes, at least 1.
    """

    def __init__(self, n_procs: int) -> None:
        super().__init__(n_procs)
        self.add_edges(combinations(range(n_procs), 2))
