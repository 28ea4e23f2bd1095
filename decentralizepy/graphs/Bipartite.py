"""Random regular bipartite graph."""

from decentralizepy.errors import GraphError
from decentralizepy.graphs.Graph import Graph
from decentralizepy.randomness import Purpose, stream


class Bipartite(Graph):
    """Connect each node of the first half to ``degree`` of the second half, and vice versa.

    Node i is connected to the nodes ``n / 2 + (i + s) mod n / 2``, for ``degree`` random
    shifts s.

    Parameters
    ----------
    n_procs : int
        Number of nodes, an even number.
    degree : int
        Number of neighbors of each node, up to half of the nodes.
    seed : int, default 0
        The seed of the shifts.

    Raises
    ------
    GraphError
        If there is no such graph.
    """

    def __init__(self, n_procs: int, degree: int, seed: int = 0) -> None:
        super().__init__(n_procs)
        half = n_procs // 2
        if n_procs % 2 or not 0 <= degree <= half:
            raise GraphError(
                f"degree = {degree} with {n_procs} nodes: expected an even number of "
                "nodes, and up to half of it"
            )
        shifts = stream(Purpose.SHIFTS, seed).permutation(half)[:degree].tolist()
        self.add_edges(
            (uid, half + (uid + shift) % half)
            for uid in range(half)
            for shift in shifts
        )
