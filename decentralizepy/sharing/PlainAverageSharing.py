"""Whole models, averaged with equal weights."""

from collections.abc import Mapping

from decentralizepy.message import Message
from decentralizepy.sharing.Sharing import Queue, Sharing


class PlainAverageSharing(Sharing):
    """Send the whole model; take the plain mean of the own and all received models.

    ``x <- (x + sum_j x_j) / (n + 1)``, where n is the number of messages, possibly zero.
    On irregular graphs, the mean over nodes is not preserved. Options as for
    :class:`~decentralizepy.sharing.Sharing.Sharing`.
    """

    received_this_round = 0

    def get_data_to_send(self, degree: int | None = None) -> Message:
        """Return this round's message; it has no ``degree``."""
        message = super().get_data_to_send(degree)
        del message["degree"]
        return message

    def _averaging(self, peer_deques: Mapping[int, Queue]) -> None:
        self.received_this_round = len(peer_deques)
        super()._averaging(peer_deques)

    def weight(self, n_peers: int, message: Message) -> float:
        return 1 / (1 + n_peers)
