"""Who takes part in a round, if nodes go down or messages are lost (section CHURN)."""

import functools
from collections.abc import Iterable
from typing import Any

from decentralizepy.message import Message, label_of
from decentralizepy.network.churn import SECTION, Churn
from decentralizepy.node._counters import unseen
from decentralizepy.node.lifecycle import Lifecycle
from decentralizepy.node.Node import Section
from decentralizepy.once import once
from decentralizepy.randomness import seed_of


class Attendance(Lifecycle):
    """A node that knows which nodes are up in a round, and which messages are lost.

    Nodes meet in every round as they would without churn: a peer that gets no model gets an
    empty message, so that no node runs ahead of the others. It is not counted, since a
    deployment would send nothing.

    Attributes
    ----------
    lost_messages : int
        How many models that were sent to this node were lost in this round.
    """

    iteration = 0
    update_channel = "DPSGD"
    churn: Churn | None = None
    lost_messages = 0
    sharing: Any

    def init_churn(self, config: dict[str, Section]) -> None:
        """Read section CHURN, if there is one; the nodes of a process share the draws."""
        section = config.get(SECTION)
        if not section:
            return
        nodes, seed = self.mapping.get_n_procs(), seed_of(self.dataset)
        key = (SECTION, repr(sorted(section.items())), self.iterations, seed)
        self.churn = once(
            self.graph, key, lambda: Churn(section, nodes, self.iterations, seed)
        )
        self.sharing.missed = self.sharing.undelivered = 0

    @functools.cached_property
    def silent_rounds(self) -> frozenset[int]:
        """The rounds in which no node sends anything, from 0.

        A sharing class that has any returns those of the first ``iterations`` rounds from
        its method ``silent_rounds``, the same on all nodes.
        """
        said = getattr(getattr(self, "sharing", None), "silent_rounds", None)
        return said(self.iterations) if said else frozenset()

    def is_up(self) -> bool:
        """Return whether this node is up in this round."""
        return self.churn is None or self.churn.is_up(self.uid, self.iteration)

    def down(self, uids: Iterable[int]) -> set[int]:
        """Return those of ``uids`` that are down in this round."""
        return self.churn.down(uids, self.iteration) if self.churn else set()

    def addressed(self) -> set[int]:
        """Return the uids that wait for a message of this round, with a model or not."""
        return self.my_neighbors

    def reached(self, neighbors: set[int]) -> set[int]:
        """Return the neighbors to send a model to, some of which may be lost."""
        if self.churn is None:
            return neighbors
        receivers = neighbors - self.down(neighbors)
        lost = [self._is_lost(self.uid, receiver) for receiver in receivers]
        self.sharing.undelivered = sum(lost)
        return receivers

    def arrived(self, senders: set[int]) -> set[int]:
        """Return those of ``senders`` who are up, and whose message is not lost."""
        if self.churn is None:
            return senders
        up = senders - self.down(senders)
        lost = {
            uid
            for uid in up - self.lost_peers  # nothing was sent by those
            if self._is_lost(uid, self.uid) and not is_empty(self.peer_deques[uid][0])
        }
        self.lost_messages = self.sharing.missed = len(lost)
        return up - lost

    def keep_pace(self, uids: set[int]) -> None:
        """Send a message without a model to peers that get none because of churn."""
        if not uids:
            return
        message = self.without_model()
        with unseen(self.communication):
            self.communication.broadcast(sorted(uids), message)
        if self.is_up():  # one that is down is back no earlier than its peers get there
            for uid in sorted(uids):
                self.recorder.sent(uid, 0, label_of(message))

    def without_model(self) -> Message:
        """Return this round's message to a peer that gets no model."""
        return {
            "NotWorking": True,
            "iteration": self.iteration,
            "CHANNEL": self.update_channel,
        }

    def _is_lost(self, sender: int, receiver: int) -> bool:
        churn = self.churn
        return churn is not None and churn.is_lost(sender, receiver, self.iteration)


def is_empty(message: Message) -> bool:
    """Return whether a message is one without a model."""
    return "NotWorking" in message
