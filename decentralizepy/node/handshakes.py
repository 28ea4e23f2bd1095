"""The barriers: a node greets its peers at the start, and says goodbye at the end."""

import logging
import time
from typing import Any

from decentralizepy.errors import ConfigError, PeerLost
from decentralizepy.message import Message
from decentralizepy.node._identity import Identity, differences
from decentralizepy.node.mailbox import Mailbox

logger = logging.getLogger(__name__)

GREETING_MS = 2_000  # for a peer of another run to hear so


class Handshakes(Mailbox):
    """The first and the last messages of a node; its attributes are Node's."""

    start_timeout = 300.0
    machine_id: int
    uid: int
    mapping: Any
    my_neighbors: set[int]
    sent_disconnections: bool
    identity: Identity

    def connect_neighbor(self, neighbor: int) -> None:
        """Open the link to ``neighbor`` and greet it."""
        self.communication.init_connection(neighbor)
        hello = {
            "HELLO": self.uid,
            "RUN": [*self.identity.values()],
            "CHANNEL": "CONNECT",
        }
        self.communication.send(neighbor, hello)

    def wait_for_hello(self, neighbor: int) -> None:
        """Wait until ``neighbor`` has greeted this node."""
        self._wait_for_hellos({neighbor})

    def connect_neighbors(self) -> None:
        """Greet the neighbors that are not connected yet; wait until they greet back."""
        self.meet(self.my_neighbors)

    def meet(self, uids: set[int]) -> None:
        """Greet those of ``uids`` that are not connected yet; wait until they greet back."""
        connected = self.communication.already_connected
        new = {uid for uid in uids if not connected(uid)}
        for uid in sorted(new):
            self.connect_neighbor(uid)
        self._wait_for_hellos(new)

    def _wait_for_hellos(self, uids: set[int]) -> None:
        since = time.monotonic()  # the limit is that of the barrier, not of a greeting
        while not uids <= self.barrier:
            sender, hello = self.wait_for(
                "CONNECT",
                missing=lambda: uids - self.barrier,
                timeout=self.start_timeout,
                since=since,
            )
            self._welcome(sender, hello)
            if uids <= self.barrier:
                self.note_wait(since, sender)

    def _welcome(self, uid: int, hello: Message) -> None:
        """Take a peer up, if it is of the same run."""
        differing = differences(self.identity, hello.get("RUN"))
        if differing:
            self.communication.terminate(GREETING_MS)  # the peer is to hear of it too
            raise ConfigError(
                f"uid {uid} (machine {self.mapping.get_machine_and_rank(uid)[1]}) and uid "
                f"{self.uid} (machine {self.machine_id}) are not of the same run: they "
                f"differ in {', '.join(differing)}"
            )
        self.barrier.add(uid)

    def disconnect_neighbors(self) -> None:
        """Say goodbye to all who greeted this node, and wait for theirs; once."""
        if self.sent_disconnections:
            return
        self.sent_disconnections = True
        for uid in sorted(self.barrier):
            self.communication.send(uid, {"BYE": self.uid, "CHANNEL": "DISCONNECT"})
        while self.barrier:
            try:
                sender, _ = self.wait_for("DISCONNECT", missing=lambda: self.barrier)
            except PeerLost as error:  # all rounds are done: nobody needs it any more
                logger.warning("at the end: %s", error)
                self.barrier -= error.uids
            else:
                self.barrier.discard(sender)
