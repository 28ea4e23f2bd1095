"""Teleportation: a few models move between the nodes, which take turns to train them."""

from typing import Any

from decentralizepy import factory
from decentralizepy.errors import ConfigError, located
from decentralizepy.graphs.Graph import Graph
from decentralizepy.node.Node import Section
from decentralizepy.node.tokens import TokenNode
from decentralizepy.randomness import Purpose, seed_of, stream

ACTIVE, TOKENS = 4, "Ring"


def make_tokens(section: Section) -> Graph:
    """Return the graph of the tokens."""
    name = section.get("token_graph", TOKENS)
    count = section.get("active", ACTIVE)
    found: Graph = factory.load(f"decentralizepy.graphs.{name}", name)(count)
    return found


class Teleportation(TokenNode):
    """In each round, ``[NODE] active`` (default 4) random nodes train and average.

    There are as many models, the tokens, which are neighbors in a small graph, ``[NODE]
    token_graph`` (default ``Ring``). The nodes that are active in a round get them from
    those of the round before, train them, and average with the neighboring tokens. So a
    round costs and mixes as much as one of a few nodes, however many there are, and over
    time the tokens see the data of all. Takezawa and Stich, Scalable Decentralized
    Learning with Teleportation, ICLR 2025, arXiv:2501.15259.

    The active nodes, the tokens and the order (fetch, train, average) are the paper's.
    Here, all nodes draw the active ones of a round from the seed of the run, uniformly
    without replacement, and a node hands its token over as soon as it has averaged,
    without being asked. All nodes are neighbors in the graph. A node that is not active
    keeps, and evaluates, the model that it had last.
    """

    @classmethod
    def misfit(cls, graph: Graph) -> str:
        complete = all(len(each) == graph.n_procs - 1 for each in graph.adj_list)
        if graph.fixed and not graph.directed and complete:
            return ""
        return f"{cls.__name__} hands models to any node; it needs FullyConnected"

    @classmethod
    def prepare(cls, config: dict[str, Section], graph: Any) -> None:
        section = config.get("NODE", {})
        active = section.get("active", ACTIVE)
        if not 1 <= active <= graph.n_procs:
            cause = f"expected from 1 to {graph.n_procs}, the number of nodes"
            raise ConfigError(cause, section="NODE", key="active", value=active)
        name = section.get("token_graph", TOKENS)
        with located(section="NODE", key="token_graph", value=name):
            make_tokens(section)

    def init_node(self, node_configs: Section) -> None:
        super().init_node(node_configs)
        self.tokens = make_tokens(node_configs)

    def holders(self, number: int) -> list[int]:
        """Return the node that holds each token in a round, from 0."""
        drawn = stream(Purpose.ACTIVE, seed_of(self.dataset), round=number)
        order: list[int] = drawn.permutation(self.graph.n_procs).tolist()
        return order[: self.tokens.n_procs]

    def round(self) -> None:
        if 0 < self.iteration == self.first_round:
            self.hand_over_again()
        holders = self.holders(self.iteration)
        if self.uid not in holders:
            self.recorder.idle()
            return
        token = holders.index(self.uid)
        self.fetch(token)
        self.sharing.communication_round = self.iteration
        near = self.tokens.neighbors(token)
        self.my_neighbors = {holders[other] for other in near}
        super().round()
        self.hand_over(self.iteration + 1)
