"""Star graph."""

from decentralizepy.graphs.Graph import Graph


class Star(Graph):
    """A star: node 0 is the center and the only neighbor of all other nodes."""

    def __init__(self, n_procs: int) -> None:
        super().__init__(n_procs)
        self.add_edges((0, leaf) for leaf in range(1, n_procs))
