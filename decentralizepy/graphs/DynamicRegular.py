"""A fresh regular graph in each round."""

from decentralizepy.graphs.Graph import Graph
from decentralizepy.graphs.Regular import Regular
from decentralizepy.graphs.TimeVarying import TimeVarying


class DynamicRegular(TimeVarying):
    """In round t the regular graph of seed ``seed * 100000 + t``.

    The sequence of :class:`~decentralizepy.node.PeerSamplerDynamic.PeerSamplerDynamic`
    whose ``random_seed`` is ``seed``, without a service.

    Parameters
    ----------
    n_procs : int
        Number of nodes.
    degree : int
        Neighbors of each node.
    seed : int, default 0
    """

    def __init__(self, n_procs: int, degree: int, seed: int = 0) -> None:
        self.regular_degree, self.seed = degree, seed
        super().__init__(n_procs)

    def draw(self, iteration: int) -> Graph:
        return Regular(
            self.n_procs, self.regular_degree, self.seed * 100_000 + iteration
        )
