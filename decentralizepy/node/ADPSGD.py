"""Asynchronous D-PSGD: pairs of nodes average while they train."""

from decentralizepy.graphs.coloring import odd_pair, sides
from decentralizepy.graphs.Graph import Graph
from decentralizepy.message import Message
from decentralizepy.node.Node import Section
from decentralizepy.node.unsynchronized import Unsynchronized


class ADPSGD(Unsynchronized):
    """Average with one random neighbor at a time, while both keep training.

    The graph is bipartite. A node on the side of uid 0 is active: before it trains, it
    sends its model ``x_i`` to a random neighbor j, which is passive; that answers between
    two rounds with ``x_j``, and takes ``(x_i + x_j) / 2``. When the active node has
    trained and the answer is there, it takes ``(x_i + x_j) / 2`` plus what training has
    changed meanwhile. So the sum of the two is kept, and there are no common rounds.
    Lian, Zhang, Zhang and Liu, Asynchronous Decentralized Parallel Stochastic Gradient
    Descent, ICML 2018, algorithm 1.

    A passive node that has done its rounds answers until its neighbors have done theirs.
    A run that resumes leaves out the averages that were under way.
    """

    asynchronous = True
    answers_peers = True

    @classmethod
    def misfit(cls, graph: Graph) -> str:
        if graph.directed or not graph.fixed:
            return f"{cls.__name__} needs an undirected graph that does not change"
        if pair := odd_pair(graph):
            two = f"the neighbors {pair[0]} and {pair[1]} are on the same side"
            return f"{cls.__name__} needs a bipartite graph; {two}"
        return ""

    def init_node(self, node_configs: Section) -> None:
        super().init_node(node_configs)
        self.is_active = sides(self.graph)[self.uid] == 0
        self.asked: int | None = None
        self.unfinished = set(self.graph.neighbors(self.uid))

    def round(self) -> None:
        self.trainer.train(self.dataset)
        is_last = self.iteration + 1 == self.iterations
        if not self.is_active:
            self.answer_all(is_last)
        else:
            self.take_answer()
            if is_last:
                self.announce_end()
            else:
                self.ask()
        if self.reset_optimizer:
            self.renew_optimizer()

    def ask(self) -> None:
        """Send the model to a random neighbor, if any is left."""
        self.asked = self.random_neighbor()
        if self.asked is not None:
            self.sent = self.sharing.flat.vector().clone()
            self.send_model(self.asked)

    def take_answer(self) -> None:
        """Average with the neighbor that was asked; keep what training has changed."""
        uid, self.asked = self.asked, None
        if uid is not None and (received := self.wait_long(self.update_channel, {uid})):
            flat = self.sharing.flat
            change = flat.vector() - self.sent
            flat.load(flat.unflatten(self.sent))
            self.merge(uid, received[1], 1 / 2)
            flat.load(flat.unflatten(flat.vector() + change))

    def announce_end(self) -> None:
        """Tell the neighbors that no request will follow."""
        end = {"END": True, "iteration": self.iteration, "CHANNEL": self.update_channel}
        peers = self.graph.neighbors(self.uid) - self.lost_peers
        self.communication.broadcast(sorted(peers), end)

    def answer_all(self, is_last: bool) -> None:
        """Answer what has arrived; in the last round, all that will arrive."""
        while received := self.poll():
            self.answer(*received)
        while is_last and self.unfinished - self.lost_peers:
            if received := self.wait_long(self.update_channel, self.unfinished):
                self.answer(*received)

    def answer(self, uid: int, message: Message) -> None:
        """Answer a request, and average with it."""
        if "END" in message:
            self.unfinished.discard(uid)
        elif uid not in self.lost_peers:
            self.send_model(uid)
            self.merge(uid, message, 1 / 2)
