"""Time-varying graph: a random matching in each round."""

from decentralizepy.graphs.Graph import Graph
from decentralizepy.graphs.TimeVarying import TimeVarying
from decentralizepy.randomness import Purpose, stream


class RandomMatching(TimeVarying):
    """In each round, every node has one random partner; if n is odd, one node has none.

    Boyd, Ghosh, Prabhakar and Shah, Randomized Gossip Algorithms, IEEE Transactions on
    Information Theory 52(6), 2006, in rounds.

    Parameters
    ----------
    n_procs : int
        Number of nodes.
    seed : int, default 0
        The same seed gives the same sequence on every node.
    """

    def __init__(self, n_procs: int, seed: int = 0) -> None:
        self.seed = seed
        super().__init__(n_procs)

    def draw(self, iteration: int) -> Graph:
        generator = stream(Purpose.PAIRS, self.seed, round=iteration)
        uids = generator.permutation(self.n_procs).tolist()
        graph = Graph(self.n_procs)
        graph.add_edges(zip(uids[::2], uids[1::2], strict=False))
        return graph
