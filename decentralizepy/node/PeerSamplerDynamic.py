"""A peer sampler that draws a new regular graph for each round."""

from decentralizepy.errors import ConfigError
from decentralizepy.graphs.DynamicRegular import DynamicRegular
from decentralizepy.graphs.Graph import Graph
from decentralizepy.node.Node import Section
from decentralizepy.node.PeerSampler import PeerSampler


class PeerSamplerDynamic(PeerSampler):
    """Answer with the neighbors in a new regular graph each round, shared by all nodes.

    Section NODE requires ``graph_degree``. The graph of round t, from 0, has the seed
    ``random_seed * 100000 + t``
    (:class:`~decentralizepy.graphs.DynamicRegular.DynamicRegular`).
    """

    @classmethod
    def prepare(cls, config: dict[str, Section], graph: Graph) -> None:
        degree = config.get("NODE", {}).get("graph_degree")
        if not isinstance(degree, int):
            raise ConfigError(
                f"{cls.__name__} needs a whole number",
                section="NODE",
                key="graph_degree",
                value=degree,
            )
        DynamicRegular(graph.n_procs, degree)

    def init_node(self, node_configs: Section) -> None:
        self.graph_degree = node_configs["graph_degree"]
        self.graphs = DynamicRegular(
            self.graph.n_procs, self.graph_degree, self.random_seed
        )

    def get_neighbors(self, node: int, iteration: int | None = None) -> set[int]:
        self.iteration = iteration or 0
        return self.graphs.at(self.iteration).neighbors(node)
