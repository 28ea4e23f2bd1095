"""Binary tree."""

from decentralizepy.graphs.Graph import Graph


class BinaryTree(Graph):
    """Connect node i to nodes ``2 i + 1`` and ``2 i + 2``, if there are such."""

    def __init__(self, n_procs: int) -> None:
        super().__init__(n_procs)
        self.add_edges((uid, (uid - 1) // 2) for uid in range(1, n_procs))
