"""Hypercube."""

from decentralizepy.errors import GraphError
from decentralizepy.graphs.Graph import Graph


class Hypercube(Graph):
    """Connect nodes whose uids differ in one binary digit; each has log2 n neighbors.

    Parameters
    ----------
    n_procs : int
        Number of nodes, a power of two.

    Raises
    ------
    GraphError
        If it is not a power of two.
    """

    def __init__(self, n_procs: int) -> None:
        super().__init__(n_procs)
        if n_procs & (n_procs - 1):
            raise GraphError(f"{n_procs} nodes: expected a power of two")
        bits = [1 << digit for digit in range(n_procs.bit_length() - 1)]
        self.add_edges((uid, uid ^ bit) for uid in range(n_procs) for bit in bits)
