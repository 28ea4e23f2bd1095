"""The base class of algorithms that average what a group has agreed to send together."""

from collections.abc import Mapping
from typing import Any

import torch

from decentralizepy.message import Message
from decentralizepy.sharing._masks import Keys, PairMasks, check_installed
from decentralizepy.sharing.checks import reading
from decentralizepy.sharing.serverless import Serverless
from decentralizepy.sharing.Sharing import Queue

LEAST = 2
"""How many senders a sum needs, so that it is not a model."""


class CohortSharing(Serverless):
    """Average with a cohort: the peers that this node has named one round ahead.

    A message has the sender's public key and its ``members``: the keys of those whom it
    heard in the round before, by uid. These are its cohort of the next round. Unless all
    of them are heard then, with the same keys and with ``params``, and are at least two,
    the node keeps its own model, as in the first two rounds.

    Subclasses override ``send`` and ``mean``.

    Parameters
    ----------
    *parts
        The eight of :class:`~decentralizepy.sharing.Sharing.Sharing`.

    Attributes
    ----------
    masks : PairMasks
        What the node shares with each of the others, by their keys.
    heard : dict of int to bytes
        The keys of those heard in the last round, by uid.
    named : dict of int to dict
        What this node named in this round and in the one before, by round.
    members : dict of int to (int, dict)
        What each peer named last, and in which round.
    """

    checkpointed = ("private", "heard", "named", "members")

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.masks = PairMasks(self.uid)
        self.private = self.masks.private
        self.heard: Keys = {}
        self.named: dict[int, Keys] = {}
        self.members: dict[int, tuple[int, Keys]] = {}
        self.own = self.flat.vector()

    @classmethod
    def prepare(cls, **options: Any) -> None:
        check_installed()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load the state that ``state_dict`` returned, with the private key."""
        super().load_state_dict(state)
        self.masks = PairMasks(self.uid, self.private)

    def _pre_step(self) -> None:
        self.own = self.flat.vector().clone()
        number = self.communication_round
        self.named = {number: self.heard, number - 1: self.named.get(number - 1, {})}

    def serialized_model(self) -> Message:
        """Return this node's public key, and whom it heard; no model."""
        return {"key": self.masks.public, "members": dict(self.heard)}

    def cohort(self, receiver: int) -> Keys:
        """Return who sends to ``receiver`` in this round; nobody if this node does not."""
        number, members = self.members.get(receiver, (-1, {}))
        known = members.get(self.uid) == self.masks.public
        if number != self.communication_round - 1 or not known or len(members) < LEAST:
            return {}
        return members

    def mean(self, messages: Mapping[int, Message], cohort: Keys) -> torch.Tensor:
        """Return the node's new model, of shape (N,), from the messages of its cohort."""
        raise NotImplementedError

    @torch.no_grad()
    def _averaging(self, peer_deques: Mapping[int, Queue]) -> None:
        messages = {uid: peer_deques[uid].popleft() for uid in sorted(peer_deques)}
        self.heard = {}
        for uid, message in messages.items():
            with reading(uid, message):
                key, members = self.masks.introduced(message)
            if key != self.masks.public:  # as in place of a lost peer's message
                self.heard[uid] = key
                self.members[uid] = self.communication_round, members
        cohort = self.named.get(self.communication_round - 1, {})
        whole = all(
            self.heard.get(uid) == key and "params" in messages[uid]
            for uid, key in cohort.items()
        )
        if whole and len(cohort) >= LEAST:
            self.adopt(self.flat.unflatten(self.mean(messages, cohort)))
        self._post_step()
        self.communication_round += 1
