"""Epidemic Learning with a time limit per round, without waiting for all peers."""

import logging
from collections import deque
from collections.abc import Collection

from decentralizepy.errors import PeerLost
from decentralizepy.message import Message
from decentralizepy.node.EpidemicLearning import EL_Local as lock_step
from decentralizepy.node.mailbox import Received
from decentralizepy.node.Node import Section

logger = logging.getLogger(__name__)


class EL_Local(lock_step.EL_Local):
    """Like EL_Local, but average what arrives within ``[NODE] timeout`` seconds.

    The default is 1 s. Nodes may be in different rounds. Only the newest model of each
    sender is kept, and it is averaged once.
    """

    asynchronous = True

    def init_node(self, node_configs: Section) -> None:
        super().init_node(node_configs)
        self.timeout = float(node_configs.get("timeout", 1))

    def receive_DPSGD(self) -> Received | None:  # type: ignore[override]
        """Return the next (sender, model message), if there is one."""
        return self.receive_channel(self.update_channel, block=False)

    def excuse(self, others: Collection[int]) -> None:
        """Send nothing, since nobody waits."""

    def gather(self, senders: set[int]) -> dict[int, "deque[Message]"]:
        deadline = self.now() + self.timeout
        while self.now() < deadline:
            if received := self.receive_DPSGD():
                self.file_update(*received)
            else:
                self.notice_lost()
        queues = {uid: queue for uid, queue in self.peer_deques.items() if queue}
        logger.debug("round %d: models of %s", self.iteration + 1, sorted(queues))
        return queues

    def notice_lost(self) -> None:
        """Do without lost peers, or raise PeerLost; no wait for them would tell."""
        try:
            self._check_alive(self.update_channel, lambda: self.barrier)
        except PeerLost as error:
            self.give_up(error)

    def file_update(self, sender: int, message: Message) -> None:
        self.peer_deques[sender] = deque([message], maxlen=1)
