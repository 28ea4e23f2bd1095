"""Teleportation: a few models move between the nodes, which take turns to train them."""

from typing import Any

from decentralizepy import factory
from decentralizepy.errors import ConfigError, located
from decentralizepy.graphs.Graph import Graph
from decentralizepy.node._counters import uncounted
from decentralizepy.node.Node import Section
from decentralizepy.node.unsynchronized import Unsynchronized
from decentralizepy.randomness import Purpose, seed_of, stream
from decentralizepy.sharing.checks import reading

ACTIVE, TOKENS = 4, "Ring"


def make_tokens(section: Section) -> Graph:
    """Return the graph of the tokens."""
    name = section.get("token_graph", TOKENS)
    count = section.get("active", ACTIVE)
    found: Graph = factory.load(f"decentralizepy.graphs.{name}", name)(count)
    return found


class Teleportation(Unsynchronized):
    """In each round, ``[NODE] active`` (default 4) random nodes train and average.

    There are as many models, the tokens, which are neighbors in a small graph, ``[NODE]
    token_graph`` (default ``Ring``). The nodes that are active in a round get them from
    those of the round before, train them, and average with the neighboring tokens. So a
    round costs and mixes as much as one of a few nodes, however many there are, and over
    time the tokens see the data of all. Takezawa and Stich, Scalable Decentralized
    Learning with Teleportation, ICLR 2025, arXiv:2501.15259.

    Of the paper are the active nodes, the tokens, and the order: fetch, train, average.
    Of this package: all nodes draw the active ones of a round from the seed of the run,
    uniformly without replacement, and a node hands its token over as soon as it has
    averaged, without being asked. All nodes are neighbors in the graph. A node that is not
    active keeps, and evaluates, the model that it had last.
    """

    checkpointed = ("handed_over",)
    handed_over = 0
    """The last round for which this node has handed its token over."""

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
        self.fetched: dict[int, Any] = {}

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

    def hand_over(self, number: int) -> None:
        """Send the token, if there is one, to the node that is to hold it in a round."""
        before = self.holders(number - 1)
        if self.uid not in before or number == self.iterations:
            return
        self.handed_over = number
        uid = self.holders(number)[before.index(self.uid)]
        if uid != self.uid:
            token = {**self.sharing.serialized_model(), "iteration": number}
            self.communication.send(uid, {**token, "CHANNEL": "TOKEN"})

    def hand_over_again(self) -> None:
        """Hand over what was on its way when the run stopped, and has been counted."""
        if self.handed_over == self.iteration:
            with uncounted(self.communication):
                self.hand_over(self.iteration)
        else:
            self.hand_over(self.iteration)

    def fetch(self, token: int) -> None:
        """Wait for this round's token, and make it the model."""
        number = self.iteration
        uid = self.holders(number - 1)[token] if number else self.uid
        if uid == self.uid:
            return
        while number not in self.fetched and uid not in self.lost_peers:
            if received := self.wait_long("TOKEN", {uid}):
                self.fetched[received[1]["iteration"]] = received[1]
        if message := self.fetched.pop(number, None):
            self.recorder.waited({uid}, ("TOKEN", number))
            with reading(uid, message):
                self.sharing.adopt(self.sharing.deserialized_model(message))
