"""The base class of nodes that exchange whole models without common rounds."""

import random
from collections import deque
from typing import Any

from decentralizepy.errors import PeerLost
from decentralizepy.graphs.Graph import Graph
from decentralizepy.message import Message
from decentralizepy.node.checkpoint import AllKept
from decentralizepy.node.LiveNode import LiveNode
from decentralizepy.node.mailbox import Received
from decentralizepy.node.Node import Section
from decentralizepy.randomness import Purpose, derive_seed, seed_of


class Unsynchronized(LiveNode):
    """A node whose peers may be any number of rounds ahead or behind.

    Subclasses implement ``round``. All checkpoints are kept, since a run resumes from
    one that all nodes have.
    """

    whole_models = True
    """Whether the node averages whole models itself, so that it takes Sharing only."""
    answers_peers = False
    """Whether the node must be able to answer peers that are in any other round."""
    checkpointed = ("rng",)
    checkpointer_class = AllKept

    @classmethod
    def misfit(cls, graph: Graph) -> str:
        """Return why nodes of this class cannot run on a graph; "" if they can."""
        return ""

    def init_node(self, node_configs: Section) -> None:
        seed = derive_seed(Purpose.RECEIVERS, seed_of(self.dataset), self.uid)
        self.rng = random.Random(seed)

    def random_neighbor(self) -> int | None:
        """Return a random neighbor in this round's graph; None if there is none."""
        neighbors = self.graph.at(self.iteration).neighbors(self.uid)
        left = sorted(neighbors - self.lost_peers)
        return self.rng.choice(left) if left else None

    def send_model(self, uid: int, **more: Any) -> None:
        """Send the model to a peer."""
        message = {**self.make_message(1), **more, "iteration": self.iteration}
        self.sharing.send([uid], {**message, "CHANNEL": self.update_channel})

    def merge(self, uid: int, message: Message, weight: float) -> None:
        """Make the model x of this node ``x + weight (x_uid - x)``."""
        self.sharing.communication_round = self.iteration
        self.sharing._average({uid: deque([message])}, lambda *_: weight)
        self.check_average({uid: message})

    def poll(self) -> Received | None:
        """Return the next model message that has arrived, without waiting for any."""
        patience, self.communication.recv_timeout = self.communication.recv_timeout, 0
        try:
            return self.receive_channel(self.update_channel, block=False)
        finally:
            self.communication.recv_timeout = patience

    def wait_long(self, channel: str, uids: set[int]) -> Received | None:
        """Return the next message on a channel; None if those of ``uids`` are lost.

        They may be any number of rounds behind, each of which takes up to ``peer_timeout``.
        """
        limit = self.peer_timeout * self.iterations
        try:
            return self.wait_for(channel, lambda: uids - self.lost_peers, limit)
        except PeerLost as error:
            self.give_up(error)
            return None

    def replace_lost(self, uids: set[int]) -> set[int]:
        """Continue with the others; nobody waits for a lost peer's model."""
        return set()

    def receive_disconnect(self) -> Received:
        limit = self.peer_timeout * self.iterations
        return self.wait_for("DISCONNECT", lambda: self.barrier, limit)
