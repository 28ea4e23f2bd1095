"""Base class of all graphs, over the nodes 0 to n - 1."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from decentralizepy.errors import GraphError
from decentralizepy.graphs import format

if TYPE_CHECKING:
    import networkx as nx
    import numpy as np
    from numpy.typing import NDArray


class Graph:
    """An undirected graph without self-loops, whose nodes are the uids 0 to n - 1.

    Parameters
    ----------
    n_procs : int, optional
        Number of nodes, at least 1, initially without edges. If omitted, the graph is
        empty until a file is read.

    Attributes
    ----------
    n_procs : int
        Number of nodes.
    adj_list : list of set of int
        The neighbors of each node, by uid.
    """

    fixed = True
    """Whether the graph is the same in every round."""

    directed = False
    """Whether the graph is directed."""

    def __init__(self, n_procs: int | None = None) -> None:
        if n_procs is not None and n_procs < 1:
            raise GraphError(f"a graph has at least 1 node, not {n_procs}")
        self.n_procs = n_procs or 0
        self.adj_list: list[set[int]] = [set() for _ in range(self.n_procs)]

    @staticmethod
    def from_networkx(g: nx.Graph) -> Graph:
        """Copy a networkx graph as an undirected graph without self-loops.

        Labels from 0 to n - 1 are kept; otherwise nodes are numbered in the order of
        ``g.nodes``.
        """
        labels, uids = list(g), range(len(g))
        numbers = dict(zip(labels, uids, strict=True))
        if set(labels) == set(uids):
            numbers = {uid: uid for uid in uids}
        graph = Graph(len(labels))
        graph.add_edges((numbers[u], numbers[v]) for u, v in g.edges())
        return graph

    def to_networkx(self) -> nx.Graph:
        """Return a networkx copy of the graph."""
        import networkx as nx

        return nx.Graph(dict(enumerate(self.adj_list)))

    def get_all_nodes(self) -> list[int]:
        """Return the uids of all nodes, 0 to n - 1."""
        return list(range(self.n_procs))

    def neighbors(self, uid: int) -> set[int]:
        """Return the set of neighbors of a node: the graph's own set, not a copy."""
        if not 0 <= uid < self.n_procs:
            raise GraphError(
                f"there is no node {uid} in a graph of {self.n_procs} nodes"
            )
        return self.adj_list[uid]

    def in_neighbors(self, uid: int) -> set[int]:
        """Return the nodes that send to a node: in an undirected graph, its neighbors."""
        return self.neighbors(uid)

    def at(self, iteration: int) -> Graph:
        """Return the graph of a round, counted from 0; a static graph returns itself."""
        return self

    def weight(self, uid: int, other: int) -> float | None:
        """Return the averaging weight that a node gives to the model of another.

        None, for nodes that are not neighbors and for graphs that do not define weights,
        leaves the choice to the sharing class: Metropolis-Hastings weights by default.
        """
        return None

    @property
    def trees(self) -> list[Graph]:
        """The trees along which parts of equal size of a model are relayed."""
        return [self]

    def degree(self, uid: int) -> int:
        """Return the number of neighbors of a node."""
        return len(self.neighbors(uid))

    def add_edges(self, edges: Iterable[tuple[int, int]]) -> None:
        """Connect the two nodes of each pair; pairs of equal nodes are ignored."""
        for u, v in edges:
            if u != v:
                self.neighbors(u).add(v)
                self.neighbors(v).add(u)

    def connect_graph(self) -> None:
        """Add a ring: connect every node i to i - 1 and i + 1, modulo n."""
        n = self.n_procs
        self.add_edges((uid, (uid + 1) % n) for uid in range(n))

    def components(self) -> list[list[int]]:
        """Return the connected components, each sorted, the largest first."""
        left, parts = set(range(self.n_procs)), []
        while left:
            part = [left.pop()]
            for uid in part:  # grows during iteration
                found = (self.neighbors(uid) | self.in_neighbors(uid)) & left
                left -= found
                part += found
            parts.append(sorted(part))
        return sorted(parts, key=lambda part: (-len(part), part))

    def is_connected(self) -> bool:
        """Return whether every node can be reached from every other."""
        return len(self.components()) == 1

    def read_graph_from_file(
        self, file: format.FilePath, type: str = "edges", force_connect: bool = False
    ) -> int:
        """Load the graph from a file; if that fails, the graph is unchanged.

        Line 1 is the number of nodes. In ``edges``, every following line is an edge
        ``u v``, which may be listed again as ``v u``. In ``adjacency``, line i + 2 lists
        the neighbors of node i, and is empty if there are none.

        Parameters
        ----------
        file : path
            A text file in UTF-8.
        type : str
            ``"edges"`` (default) or ``"adjacency"``.
        force_connect : bool
            Add a ring (`connect_graph`); default False.

        Returns
        -------
        int
            Number of nodes.

        Raises
        ------
        GraphError
            The file cannot be read; the message names the line. Self-loops are
            removed with a warning in the log, and a disconnected graph is not an
            error: see `is_connected`.
        """
        self.adj_list = format.read(file, type)
        self.n_procs = len(self.adj_list)
        if force_connect:
            self.connect_graph()
        return self.n_procs

    def write_graph_to_file(self, file: format.FilePath, type: str = "edges") -> None:
        """Write the graph atomically, in a format that `read_graph_from_file` reads.

        In ``edges``, each edge is listed twice, as ``u v`` and as ``v u``.
        """
        if not self.n_procs:
            raise GraphError(f"{file}: not written: the graph has no nodes")
        format.write(format.render(self.adj_list, type), file)

    def mixing_matrix(self) -> NDArray[np.float64]:
        """Return the averaging weights, n x n: the graph's own, or Metropolis-Hastings.

        w_ij = 1 / (1 + max(d_i, d_j)) for neighbors i and j of degrees d_i and d_j;
        w_ii makes each row sum to 1. The matrix is symmetric and doubly stochastic: the
        "Metropolis weights" of L. Xiao, S. Boyd and S. Lall, A scheme for robust
        distributed sensor fusion based on average consensus, IPSN 2005.
        """
        import numpy as np

        weights = np.zeros((self.n_procs, self.n_procs))
        degrees = [len(neighbors) for neighbors in self.adj_list]
        for uid, neighbors in enumerate(self.adj_list):
            for peer in neighbors:
                own = self.weight(uid, peer)
                default = 1 / (1 + max(degrees[uid], degrees[peer]))
                weights[uid, peer] = default if own is None else own
        np.fill_diagonal(weights, 1 - weights.sum(axis=1))
        return weights

    def centr(self) -> NDArray[np.float64]:
        """Return averaging weights that favor nodes on few shortest paths, n x n.

        All rows are equal and sum to 1; entry j is proportional to
        1 / (b_j + 0.01), with b_j the betweenness centrality of node j (L. Freeman,
        A set of measures of centrality based on betweenness, Sociometry 1977),
        normalized to 0 to 1.
        """
        import networkx as nx
        import numpy as np

        centrality = nx.betweenness_centrality(self.to_networkx())
        scores = np.array([1 / (centrality[uid] + 0.01) for uid in range(self.n_procs)])
        return np.tile(scores / scores.sum(), (self.n_procs, 1))
