"""Whole models, averaged with equal weights."""

from decentralizepy.message import Message
from decentralizepy.sharing.Sharing import Sharing


class PlainAverageSharing(Sharing):
    """Send the whole model; take the plain mean of one's own and all that came.

    ``x <- (x + sum_j x_j) / (n + 1)`` with n the number of messages, which may be zero.
    On an irregular graph the mean over nodes moves. Options as for
    :class:`~decentralizepy.sharing.Sharing.Sharing`.
    """

    def get_data_to_send(self, degree: int | None = None) -> Message:
        """Return this round's message; it has no ``degree``."""
        message = super().get_data_to_send(degree)
        del message["degree"]
        return message

    def weight(self, n_peers: int, message: Message) -> float:
        return 1 / (1 + n_peers)
