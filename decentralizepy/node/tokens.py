"""The base class of nodes that hand models over to each other."""

from typing import Any

from decentralizepy.node._counters import uncounted
from decentralizepy.node.Node import Section
from decentralizepy.node.unsynchronized import Unsynchronized
from decentralizepy.sharing.checks import reading


class TokenNode(Unsynchronized):
    """A node that has one of a few models, the tokens, in some rounds.

    Subclasses implement ``holders``. Their ``round`` calls ``fetch`` before it uses the
    model, and ``hand_over`` after.
    """

    checkpointed = ("handed_over",)
    handed_over = 0
    """The last round for which this node has handed its token over."""

    def init_node(self, node_configs: Section) -> None:
        super().init_node(node_configs)
        self.fetched: dict[int, Any] = {}

    def holders(self, number: int) -> list[int]:
        """Return the node that holds each token in a round, from 0."""
        raise NotImplementedError

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
