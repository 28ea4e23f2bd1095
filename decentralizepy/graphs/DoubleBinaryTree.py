"""Two binary trees, of which no node is an inner node of both."""

from decentralizepy.graphs.BinaryTree import BinaryTree
from decentralizepy.graphs.Graph import Graph


class DoubleBinaryTree(Graph):
    """Connect the neighbors in a binary tree, and in one with the uids reversed.

    ``RelaySum`` relays one half of the model along each. A node is an inner node of at
    most one of them, so that all nodes send about equally much, to at most four others:
    Sanders, Speck and Träff, Two-tree algorithms for full bandwidth broadcast, reduction
    and scan, Parallel Computing 35(12), 2009.

    Parameters
    ----------
    n_procs : int
        Number of nodes.
    """

    def __init__(self, n_procs: int) -> None:
        super().__init__(n_procs)
        first, second = BinaryTree(n_procs), Graph(n_procs)
        last = n_procs - 1
        second.add_edges(
            (last - uid, last - other)
            for uid in range(n_procs)
            for other in first.neighbors(uid)
        )
        self._trees = [first, second]
        for tree in self._trees:
            self.add_edges((u, v) for u in range(n_procs) for v in tree.neighbors(u))

    @property
    def trees(self) -> list[Graph]:
        return self._trees
