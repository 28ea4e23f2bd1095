"""Epidemic Learning without an oracle: each node picks its own receivers."""

import random
from collections import deque
from collections.abc import Collection

from decentralizepy.errors import ConfigError
from decentralizepy.graphs.Graph import Graph
from decentralizepy.message import Message
from decentralizepy.node.attendance import is_empty
from decentralizepy.node.LiveNode import LiveNode
from decentralizepy.node.Node import Section
from decentralizepy.node.scripts import alias
from decentralizepy.randomness import Purpose, derive_seed, seed_of

DEFAULT_DEGREE = 2


class EL_Local(LiveNode):
    """Send to ``[NODE] graph_degree`` (default 2) random neighbors, average what arrives.

    Nodes pick among their neighbors in the graph, which is usually fully connected. The
    others get a message without a model, so a round ends once all neighbors have sent
    something. de Vos et al., Epidemic Learning, NeurIPS 2023, arXiv:2310.01972, EL-Local.
    """

    checkpointed = ("rng",)
    degree = alias("graph_degree")

    @classmethod
    def prepare(cls, config: dict[str, Section], graph: Graph) -> None:
        degree = config.get("NODE", {}).get("graph_degree", DEFAULT_DEGREE)
        for uid in graph.get_all_nodes():
            if not 0 <= degree <= len(graph.neighbors(uid)):
                raise ConfigError(
                    f"uid {uid} has {len(graph.neighbors(uid))} neighbors to pick "
                    "from",
                    section="NODE",
                    key="graph_degree",
                    value=degree,
                )

    def init_node(self, node_configs: Section) -> None:
        self.graph_degree = node_configs.get("graph_degree", DEFAULT_DEGREE)
        self.candidates = sorted(self.graph.neighbors(self.uid))
        seed = derive_seed(Purpose.RECEIVERS, seed_of(self.dataset), self.uid)
        self.rng = random.Random(seed)

    def get_neighbors(self, node: int | None = None) -> set[int]:
        return set(self.rng.sample(self.candidates, self.graph_degree))

    def get_senders(self, receivers: set[int]) -> set[int]:
        return set(self.candidates)

    def share(self, receivers: Collection[int]) -> None:
        message = self.make_message(len(receivers))
        self.sharing.send(sorted(receivers), {**message, "CHANNEL": "DPSGD"})
        others = self.addressed() - set(receivers)
        self.excuse(others - self.down(others))

    def addressed(self) -> set[int]:
        return set(self.candidates) - self.lost_peers

    def replace_lost(self, uids: set[int]) -> set[int]:
        """Stop waiting for lost peers; a round's average does without their models."""
        return set()

    def excuse(self, others: Collection[int]) -> None:
        """Tell the neighbors that were not picked not to wait for a model."""
        self.communication.broadcast(sorted(others), self.without_model())

    def gather(self, senders: set[int]) -> dict[int, "deque[Message]"]:
        queues = super().gather(senders)
        silent = {uid for uid, queue in queues.items() if is_empty(queue[0])}
        for uid in silent:
            queues.pop(uid).popleft()
        return queues
