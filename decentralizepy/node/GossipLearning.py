"""Gossip learning: push the model to a random peer, merge what arrives."""

from decentralizepy.errors import PeerLost
from decentralizepy.message import Message
from decentralizepy.node.Node import Section
from decentralizepy.node.unsynchronized import Unsynchronized
from decentralizepy.sharing.checks import count, reading


class GossipLearning(Unsynchronized):
    """Train, push the model to a random neighbor, and merge what arrives for a while.

    A model has an age, the most rounds of training that one of those merged into it has
    seen. Each model that arrives within ``[NODE] timeout`` seconds (default 1), the period
    of the paper, is merged at once: ``x <- (a x + a_j x_j) / (a + a_j)`` and ``a <- max(a,
    a_j)``, with the ages a. Ormándi, Hegedűs and Jelasity, Gossip Learning with Linear
    Models on Fully Distributed Data, Concurrency and Computation 25(4), 2013, algorithm 1,
    whose MergeUpdate weights both equally; by age, Hegedűs, Danner and Jelasity,
    Decentralized Learning Works, JPDC 148, 2021.

    The mean over nodes is not kept, as only the receiver averages. A run that resumes
    does without the models that were under way.
    """

    asynchronous = True
    checkpointed = ("age",)

    def init_node(self, node_configs: Section) -> None:
        super().init_node(node_configs)
        self.timeout = float(node_configs.get("timeout", 1))
        self.age = 0

    def round(self) -> None:
        self.trainer.train(self.dataset)
        self.age += 1
        uid = self.random_neighbor()
        if uid is not None:
            self.send_model(uid, age=self.age)
        self.merge_arriving()
        if self.reset_optimizer:
            self.renew_optimizer()

    def merge_arriving(self) -> None:
        """Merge the models that arrive until the time is up."""
        deadline = self.now() + self.timeout
        while self.now() < deadline:
            if received := self.receive_channel(self.update_channel, block=False):
                self.take(*received)
            else:
                self.notice_lost()

    def take(self, uid: int, message: Message) -> None:
        """Merge a model, which counts by its age."""
        most = self.iterations * self.graph.n_procs  # each trains what others trained
        with reading(uid, message):
            age = count(message, "age", 1, most)
        self.merge(uid, message, age / (self.age + age))
        self.age = max(self.age, age)

    def notice_lost(self) -> None:
        """Do without lost peers, or raise PeerLost; no wait for them would tell."""
        try:
            self._check_alive(self.update_channel, lambda: self.barrier)
        except PeerLost as error:
            self.give_up(error)
