"""An overlay of the K peers whose labels are most similar, found by gossip."""

import math
import random
from collections.abc import Iterable
from typing import Any, ClassVar

from decentralizepy.errors import ConfigError, PeerError
from decentralizepy.message import Message
from decentralizepy.node.Node import Section
from decentralizepy.node.OverlayNode import OverlayNode
from decentralizepy.node.scripts import alias
from decentralizepy.randomness import Purpose, derive_seed, seed_of

CHANNEL = "KNNConstr"
GOSSIP_ROUNDS = 60
DIGITS = 3  # scores that agree to this many decimals are ties
Labels = dict[int, list[int]]
_GOSSIP = (  # methods of DecentralizePy's gossip, which differs from this one
    "create_message_to_send",
    "receive_KNN_message",
    "process_init_receive",
    "remove_meta_from_message",
    "process_candidates_without_lock",
    "send_response",
    "receiver_thread",
)


class KNN(OverlayNode):
    """Choose the K peers with the most similar label distributions, then run D-PSGD.

    Each node knows the label counts of some peers, at first only its own. In a gossip
    round it exchanges its own label counts and those of its chosen peers with one of
    them, asks a few random peers for theirs, and chooses again (Voulgaris and van Steen,
    VICINITY, Middleware 2013). At the end each node tells all others whom it chose.
    Candidates are the neighbors in the graph, which is usually fully connected.

    Arguments as for :class:`~decentralizepy.node.LiveNode.LiveNode`. Optional keys of
    section NODE are ``initial_neighbors`` (number of random peers to start from, default
    4), ``K`` (default 4) and ``gossip_rounds`` (default 60). The first two are capped at
    the number of candidates.
    """

    replaced: ClassVar = {
        "similarityMetric": "similarity",
        "get_most_similar": "choose",
        **dict.fromkeys(_GOSSIP, "build_topology"),
    }
    callers: ClassVar = ("build_topology",)
    keywords = ("initial_neighbors", "K")
    k = initial_neighbors = 4
    K = alias("k")

    @classmethod
    def prepare(cls, config: dict[str, Section], graph: Any) -> None:
        for uid in graph.get_all_nodes():
            if not graph.neighbors(uid):
                raise ConfigError(
                    f"{cls.__name__}: uid {uid} has nobody to choose from"
                )

    def init_node(self, node_configs: Section) -> None:
        self.k = int(node_configs.get("k", self.k))
        drawn = node_configs.get("initial_neighbors", self.initial_neighbors)
        self.initial_neighbors = int(drawn)
        self.gossip_rounds = int(node_configs.get("gossip_rounds", GOSSIP_ROUNDS))
        seed = derive_seed(Purpose.OVERLAY, seed_of(self.dataset), self.uid)
        self.rng = random.Random(seed)

    def build_topology(
        self, rounds: int | None = None, random_nodes: int | None = None
    ) -> None:
        """Gossip, choose peers, and find out whom the others chose.

        ``rounds`` defaults to ``gossip_rounds``, and ``random_nodes``, the number of
        random peers asked in each round, to ``initial_neighbors``.
        """
        drawn_each = self.initial_neighbors if random_nodes is None else random_nodes
        self.candidates = sorted(self.my_neighbors)
        self.known: Labels = {self.uid: [*self.dataset.get_label_distribution()]}
        self.finished: set[int] = set()
        self.out_edges = set(self._draw(self.initial_neighbors))
        for _ in range(self.gossip_rounds if rounds is None else rounds):
            self._ask([self.rng.choice(sorted(self.out_edges))], self._acquaintances())
            drawn = self._draw(drawn_each)
            own = {self.uid: self.known[self.uid]}
            self._ask([uid for uid in drawn if uid not in self.known], own)
            self.choose(self.known)
        self._conclude()

    def similarity(self, labels: list[int]) -> float:
        """Return the cosine similarity of ``labels`` and this node's label counts."""
        own = self.known[self.uid]
        norms = math.hypot(*own) * math.hypot(*labels)
        product = sum(a * b for a, b in zip(own, labels, strict=True))
        return round(abs(product / norms), DIGITS) if norms else 0.0

    def choose(self, known: Labels) -> None:
        """Choose the K best peers of ``known``, breaking ties at random."""
        uids = [uid for uid in sorted(known) if uid in set(self.candidates)]
        self.rng.shuffle(uids)
        uids.sort(key=lambda uid: self.similarity(known[uid]), reverse=True)
        self.out_edges = set(uids[: self.k]) or self.out_edges

    def _draw(self, count: int) -> list[int]:
        return self.rng.sample(self.candidates, min(count, len(self.candidates)))

    def _acquaintances(self) -> Labels:
        told = {self.uid, *self.out_edges} & self.known.keys()
        return {uid: self.known[uid] for uid in sorted(told)}

    def _ask(self, uids: Iterable[int], info: Labels) -> None:
        """Send ``info`` to each of ``uids`` and wait for what they know."""
        waiting = set(uids)
        for uid in sorted(waiting):
            self._tell(uid, info, response=False)
        while waiting:
            sender, message = self._next(waiting)
            if message.get("RESPONSE"):
                waiting.discard(sender)

    def _conclude(self) -> None:
        """Tell all peers whom this node chose; answer requests until all have done so."""
        others = set(self.candidates)
        close = {
            "KNNBYE": self.uid,
            "CLOSE": sorted(self.out_edges),
            "CHANNEL": CHANNEL,
        }
        self.communication.broadcast(self.candidates, close)
        while waiting := others - self.finished:
            self._next(waiting)

    def _tell(self, uid: int, info: Labels, response: bool) -> None:
        message = {"INFO": info, "RESPONSE": response, "CHANNEL": CHANNEL}
        self.communication.send(uid, message)

    def _next(self, waiting: set[int]) -> tuple[int, Message]:
        """Process the next message, and answer it if it is a request."""
        sender, message = self.wait_for(CHANNEL, missing=lambda: waiting)
        if "KNNBYE" in message:
            self.finished.add(sender)
            if self.uid in self._checked(sender, message.get("CLOSE"), list):
                self.in_edges.add(sender)
        else:
            self._learn(sender, self._checked(sender, message.get("INFO"), dict))
            if not message.get("RESPONSE"):
                self._tell(sender, self._acquaintances(), response=True)
        return sender, message

    def _learn(self, sender: int, info: Labels) -> None:
        classes = len(self.known[self.uid])
        for uid, labels in info.items():
            counts = self._checked(sender, labels, list)
            if len(counts) != classes or not all(
                type(n) in (int, float) for n in counts
            ):
                raise PeerError(f"uid {sender} sent {counts}, not {classes} counts")
            self.known.setdefault(uid, counts)

    def _checked(self, sender: int, value: Any, kind: type) -> Any:
        """Return ``value``, or raise PeerError if it is not a ``kind``."""
        if not isinstance(value, kind):
            raise PeerError(f"uid {sender} sent {value!r}, not a {kind.__name__}")
        return value
