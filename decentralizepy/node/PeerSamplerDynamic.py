"""A service that draws a regular graph for each round."""

from functools import lru_cache

from decentralizepy.errors import ConfigError
from decentralizepy.graphs.Graph import Graph
from decentralizepy.graphs.Regular import Regular
from decentralizepy.node.Node import Section
from decentralizepy.node.PeerSampler import PeerSampler

KEPT_GRAPHS = 16  # nodes are a few rounds apart at most; a graph can be drawn again


class PeerSamplerDynamic(PeerSampler):
    """Answer with the neighbors of a fresh regular graph, the same for all who ask.

    Section NODE must hold ``graph_degree``. Round t, from 0, has the graph of seed
    ``random_seed * 100000 + t``.
    """

    @classmethod
    def prepare(cls, config: dict[str, Section], graph: Graph) -> None:
        degree = config.get("NODE", {}).get("graph_degree")
        if not isinstance(degree, int):
            raise ConfigError(
                f"[NODE] graph_degree = {degree}: {cls.__name__} needs a whole number"
            )
        Regular(graph.n_procs, degree, seed=0)

    def init_node(self, node_configs: Section) -> None:
        self.graph_degree = node_configs["graph_degree"]
        self.graph_of = lru_cache(KEPT_GRAPHS)(self.draw)

    def draw(self, iteration: int) -> Graph:
        """Return the graph of a round."""
        seed = self.random_seed * 100_000 + iteration
        return Regular(self.graph.n_procs, self.graph_degree, seed)

    def get_neighbors(self, node: int, iteration: int | None = None) -> set[int]:
        return self.graph_of(iteration or 0).neighbors(node)
