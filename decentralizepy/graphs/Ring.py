"""Ring."""

from decentralizepy.graphs.Graph import Graph


class Ring(Graph):
    """A ring: degree 2 for three or more nodes; a single node has no edge."""

    def __init__(self, n_procs: int) -> None:
        super().__init__(n_procs)
        self.connect_graph()
