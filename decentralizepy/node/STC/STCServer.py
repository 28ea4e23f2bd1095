"""The parameter server of sparse ternary compression."""

from collections import deque
from collections.abc import Collection
from typing import Any

from decentralizepy.message import Message
from decentralizepy.node.FederatedParameterServer import FederatedParameterServer
from decentralizepy.sharing.Sharing import frozen


class STCServer(FederatedParameterServer):
    """Send each worker the updates it missed, and average what the workers return.

    Sattler et al., Robust and Communication-Efficient Federated Learning from Non-IID
    Data, 2019, algorithm 2, with its cache for partial participation: a worker gets the
    updates since its last round, or the full model once the updates would be as large.
    Needs :class:`~decentralizepy.sharing.STC.STC`. Arguments as for
    :class:`~decentralizepy.node.FederatedParameterServer.FederatedParameterServer`.
    """

    update_channel = "WORKER_GRADIENTS"
    checkpointed = ("rng", "updates", "made", "applied")

    def instantiate(self, *args: Any, **kwargs: Any) -> None:
        super().instantiate(*args, **kwargs)
        kept = max(1, self.sharing.flat.size // max(1, self.sharing.k))
        self.updates: deque[Message] = deque(maxlen=kept)
        self.made = 0
        self.applied = dict.fromkeys(
            self.my_neighbors, 0
        )  # number of updates by client

    def round(self) -> None:
        super().round()
        self.updates.append(self.sharing.server_broadcast())
        self.made += 1

    def ask(self, workers: Collection[int]) -> None:
        for uid in sorted(workers):
            self.communication.send(uid, self.request_for(uid))
            self.applied[uid] = self.made

    def request_for(self, uid: int) -> Message:
        """Return the request that brings a client up to date with the server's model."""
        request = {"CHANNEL": "WORKER_REQUEST", "iteration": self.iteration}
        missed = self.made - self.applied[uid]
        if missed > len(self.updates):
            return {
                **request,
                "updates": [],
                "model": frozen(self.sharing.synchronised),
            }
        kept = list(self.updates)
        return {**request, "updates": kept[len(kept) - missed :]}
