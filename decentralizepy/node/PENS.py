"""Gossip among the peers whose models fit a node's own data best."""

import math
from collections import deque
from collections.abc import Mapping

from decentralizepy.message import Message
from decentralizepy.node.EpidemicLearning.EL_Local import EL_Local
from decentralizepy.node.Node import Section
from decentralizepy.sharing.checks import reading

EPSILON = 1e-9  # sums of chances are rounded


class PENS(EL_Local):
    """Average the best of the models that arrive; later, stay with their senders.

    As in Epidemic Learning, a node sends to ``[NODE] graph_degree`` (default 2) random
    neighbors in each round. In the first ``selection_rounds`` (default 20), it only
    averages the ``top`` (default 1) received models of the lowest loss on its own training
    data. Afterwards, it averages all, but sends only to those peers whose models were
    chosen more often than expected by chance, if there are any. Onoszko, Karlsson, Mogren
    and Zec, Decentralized Federated Learning of Deep Neural Networks on Non-iid Data,
    arXiv:2107.08517, 2021, section 3, with rounds in which all nodes send.
    """

    whole_models = True
    checkpointed = ("advantage",)

    def init_node(self, node_configs: Section) -> None:
        super().init_node(node_configs)
        self.selection_rounds = node_configs.get("selection_rounds", 20)
        self.top = node_configs.get("top", 1)
        self.advantage: dict[int, float] = {}

    def get_neighbors(self, node: int | None = None) -> set[int]:
        liked = [uid for uid in self.candidates if self.likes(uid)]
        if self.iteration < self.selection_rounds or not liked:
            return super().get_neighbors()
        return set(self.rng.sample(liked, min(self.graph_degree, len(liked))))

    def likes(self, uid: int) -> bool:
        """Return whether a peer's models were chosen more often than by chance."""
        return self.advantage.get(uid, 0.0) > EPSILON

    def gather(self, senders: set[int]) -> dict[int, "deque[Message]"]:
        queues = super().gather(senders)
        if self.iteration >= self.selection_rounds or not queues:
            return queues
        for uid, credit in credits(self.losses(queues), self.top).items():
            self.advantage[uid] = self.advantage.get(uid, 0.0) + credit
            if credit < 0:
                queues.pop(uid).popleft()
        return queues

    def losses(self, queues: Mapping[int, "deque[Message]"]) -> dict[int, float]:
        """Return the loss of each received model on the node's own training data."""
        flat, found = self.sharing.flat, {}
        own = flat.vector().clone()
        for uid in sorted(queues):
            with reading(uid, queues[uid][0]):
                flat.load(self.sharing.deserialized_model(queues[uid][0]))
            found[uid] = self.trainer.eval_loss(self.dataset)
        flat.load(flat.unflatten(own))
        return found


def credits(losses: Mapping[int, float], top: int) -> dict[int, float]:
    """Return 1 for each of the ``top`` lowest losses, else 0, minus what chance gives."""
    order = sorted(losses, key=lambda uid: (_number(losses[uid]), uid))
    chance = min(top / len(order), 1.0)
    return {uid: (place < top) - chance for place, uid in enumerate(order)}


def _number(loss: float) -> float:
    return math.inf if math.isnan(loss) else loss
