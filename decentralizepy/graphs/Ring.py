"""Ring."""

from decentralizepy.graphs.Graph import Graph


class Ring(Graph):
    """A ring: degree 2 for three or more nodes; a single node has no edge.

    Parameters
    ----------
    n_procs : int
        Number of nodes, at least 1.
    """

    def __init__(self, n_procs: int) -> None:
        super().__init__(n_procs)
        self.connect_graph()
