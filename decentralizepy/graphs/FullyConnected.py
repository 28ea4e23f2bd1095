"""Complete graph."""

from decentralizepy.graphs.Graph import Graph


class FullyConnected(Graph):
    """A complete graph: every node has degree n - 1."""

    def __init__(self, n_procs: int) -> None:
        super().__init__(n_procs)
        uids = set(range(n_procs))
        self.adj_list = [uids - {uid} for uid in range(n_procs)]
