"""Time-varying graph: a new random regular graph in each round."""

from decentralizepy.graphs.Graph import Graph
from decentralizepy.graphs.Regular import Regular
from decentralizepy.graphs.TimeVarying import TimeVarying


class DynamicRegular(TimeVarying):
    """In round t, the regular graph with seed ``seed * 100000 + t``.

    This is the sequence of
    :class:`~decentralizepy.node.PeerSamplerDynamic.PeerSamplerDynamic` with
    ``random_seed = seed``, but needs no service.

    Parameters
    ----------
    n_procs : int
        Number of nodes.
    degree : int
        Neighbors of each node.
    seed : int, default 0
        The same seed gives the same sequence on every node.
    """

    def __init__(self, n_procs: int, degree: int, seed: int = 0) -> None:
        self.regular_degree, self.seed = degree, seed
        super().__init__(n_procs)

    def draw(self, iteration: int) -> Graph:
        return Regular(
            self.n_procs, self.regular_degree, self.seed * 100_000 + iteration
        )
