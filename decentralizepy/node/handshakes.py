"""The start and end barriers, where a node greets its peers and says goodbye."""

import logging
import time
from contextlib import nullcontext
from typing import Any

from decentralizepy.errors import ConfigError, PeerLost
from decentralizepy.message import Message
from decentralizepy.node._counters import uncounted
from decentralizepy.node._identity import Identity, differences
from decentralizepy.node.mailbox import Mailbox, Received

logger = logging.getLogger(__name__)

GREETING_MS = 2_000  # for the greeting to reach a peer of another run


class Handshakes(Mailbox):
    """The first and the last messages of a node; Node documents the attributes."""

    start_timeout = 300.0
    machine_id: int
    uid: int
    mapping: Any
    my_neighbors: set[int]
    sent_disconnections: bool
    on_peer_loss: str
    lost_peers: set[int]
    greeted: set[int]
    identity: Identity
    _greeted = -1
    """The uid that greeted this node last."""

    def connect_neighbor(self, neighbor: int) -> None:
        """Connect to ``neighbor`` and greet it."""
        self.communication.init_connection(neighbor)
        hello = self.greeting(self.uid)
        again = neighbor in self.greeted  # by the run that this one resumes
        with uncounted(self.communication) if again else nullcontext():
            self.communication.send(neighbor, hello)
        self.greeted.add(neighbor)

    def greeting(self, uid: int) -> Message:
        """Return the first message of a node of this run."""
        run = [*self.identity.values()]
        return {"HELLO": uid, "RUN": run, "CHANNEL": "CONNECT"}

    def receive_hello(self) -> Received:
        """Return the next (sender, greeting)."""
        return self.wait_for("CONNECT")

    def wait_for_hello(self, neighbor: int) -> None:
        """Wait until ``neighbor`` has greeted this node.

        ``start_timeout`` limits consecutive calls together: nodes with a barrier of their
        own call this in a loop.
        """
        start = time.monotonic()
        since = start - self.greeting_s
        try:
            with self.expecting(lambda: {neighbor}, self.start_timeout, since):
                while neighbor not in self.barrier:
                    self._welcome(*self.receive_hello())
        finally:
            self.greeting_s += time.monotonic() - start

    def connect_neighbors(self) -> None:
        """Greet the neighbors that are not connected yet; wait until they greet back."""
        self.meet(self.my_neighbors)

    def meet(self, uids: set[int]) -> None:
        """Greet the ``uids`` that are not connected yet; wait until they greet back."""
        connected = self.communication.already_connected
        new = {uid for uid in uids if not connected(uid)}
        if not new:  # as in nearly every round
            return
        for uid in sorted(new):
            self.connect_neighbor(uid)
        since = time.monotonic()  # the limit is for the whole barrier, not per greeting
        waited_for = new - self.barrier

        def missing() -> set[int]:
            return new - self.barrier - self.lost_peers

        with self.expecting(missing, self.start_timeout, since):
            for uid in sorted(new):
                self._wait_or_go_without(uid)
        if waited_for:
            self.note_wait(since, self._greeted)

    def _wait_or_go_without(self, uid: int) -> None:
        while uid not in self.lost_peers:
            try:
                self.wait_for_hello(uid)
                break
            except PeerLost as error:  # this peer or another
                self.go_without(error)

    def go_without(self, error: PeerLost) -> None:
        """Do without lost peers, if [FAULTS] says ``on_peer_loss = drop``, or raise."""
        if self.on_peer_loss != "drop":
            raise error
        logger.warning("%s; continuing without", error)
        self.lost_peers |= error.uids
        self.barrier -= error.uids

    def _welcome(self, uid: int, hello: Message) -> None:
        """Accept a peer if it belongs to the same run."""
        differing = differences(self.identity, hello.get("RUN"))
        if differing:
            self.communication.terminate(GREETING_MS)  # so that the peer notices, too
            raise ConfigError(
                f"uid {uid} (machine {self.mapping.get_machine_and_rank(uid)[1]}) and uid "
                f"{self.uid} (machine {self.machine_id}) are not of the same run: they "
                f"differ in {', '.join(differing)}"
            )
        self.barrier.add(uid)
        self._greeted = uid

    def receive_disconnect(self) -> Received:
        """Return the next (sender, goodbye)."""
        return self.wait_for("DISCONNECT", missing=lambda: self.barrier)

    def disconnect_neighbors(self) -> None:
        """Say goodbye to all peers that greeted this node, and wait for theirs.

        A second call does nothing.
        """
        if self.sent_disconnections:
            return
        self.sent_disconnections = True
        for uid in sorted(self.barrier):
            self.communication.send(uid, {"BYE": self.uid, "CHANNEL": "DISCONNECT"})
        while self.barrier:
            try:
                sender, _ = self.receive_disconnect()
            except PeerLost as error:  # harmless: all rounds are done
                logger.warning("at the end: %s", error)
                self.barrier -= error.uids
            else:
                self.barrier.discard(sender)
