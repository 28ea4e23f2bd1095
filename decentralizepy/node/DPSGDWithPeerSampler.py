"""D-PSGD with neighbors that a peer sampler assigns each round."""

from collections.abc import Iterator

from decentralizepy.node.DPSGDNode import DPSGDNode
from decentralizepy.node.scripts import alias


class DPSGDWithPeerSampler(DPSGDNode):
    """Ask the peer sampler ``service_uid`` for this round's neighbors.

    Arguments as for :class:`~decentralizepy.node.LiveNode.LiveNode`; the last one is the
    sampler's uid, -1 by default. The weights use this round's degrees.
    """

    keywords = ("peer_sampler_uid",)
    peer_sampler_uid = alias("service_uid")

    def connect_neighbors(self) -> None:
        """Greet the sampler, too, before anything else is sent."""
        self.meet(self.my_neighbors | {self.service_uid})

    def get_neighbors(self, node: int | None = None) -> set[int]:
        request = {"REQUEST_NEIGHBORS": self.uid, "iteration": self.iteration}
        self.communication.send(
            self.service_uid, {**request, "CHANNEL": "SERVER_REQUEST"}
        )
        return self.receive_neighbors()

    def receive_neighbors(self) -> set[int]:
        """Return the neighbors that the peer sampler answers."""
        _, reply = self.wait_for("PEERS", missing=lambda: {self.service_uid})
        neighbors: set[int] = reply["NEIGHBORS"]
        return neighbors

    def rounds(self) -> Iterator[int]:
        yield from super().rounds()
        bye = {"BYE": self.uid, "CHANNEL": "SERVER_REQUEST"}
        self.communication.send(self.service_uid, bye)
        self.barrier.discard(self.service_uid)  # a sampler does not say goodbye
