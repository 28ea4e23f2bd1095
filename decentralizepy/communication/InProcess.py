"""In-process transport between threads, for tests, debugging and many nodes."""

import queue
from collections.abc import Mapping as Dict, Sequence
from typing import Any

from decentralizepy.communication._frames import Encoded
from decentralizepy.communication.Communication import Communication
from decentralizepy.mappings.Mapping import Mapping

Exchange = dict[int, "queue.SimpleQueue[tuple[int, Sequence[Any]]]"]


class InProcess(Communication):
    """Frames through queues, encoded as for a network, so that byte counts are the same.

    Parameters
    ----------
    rank, machine_id, mapping, total_procs
        As for :class:`~decentralizepy.communication.Communication.Communication`.
    exchange : dict
        One queue per uid, created by :func:`make_exchange` and shared by all nodes.
    recv_timeout : int, default 50
        Milliseconds after which ``receive(block=False)`` returns None.
    lost : set of int, optional
        Uids of nodes that have failed, also shared by all nodes.
    """

    def __init__(
        self,
        rank: int,
        machine_id: int,
        mapping: Mapping,
        total_procs: int,
        exchange: Dict[int, "queue.SimpleQueue[tuple[int, Sequence[Any]]]"],
        recv_timeout: int = 50,
        lost: set[int] | None = None,
    ) -> None:
        super().__init__(rank, machine_id, mapping, total_procs, recv_timeout)
        if lost is not None:
            self.lost = lost
        self.exchange = exchange
        self.connected: set[int] = set()

    def init_connection(self, neighbor: int) -> None:
        self.connected.add(neighbor)

    def already_connected(self, neighbor: int) -> bool:
        return neighbor in self.connected

    def destroy_connection(self, neighbor: int, linger: int | None = None) -> None:
        self.connected.discard(neighbor)

    def deliver(self, neighbor: int, message: Encoded) -> None:
        self.exchange[neighbor].put((self.uid, message.frames))

    def poll(self, timeout: int) -> tuple[int, Sequence[Any]] | None:
        try:
            return self.exchange[self.uid].get(timeout=timeout / 1000)
        except queue.Empty:
            return None


def make_exchange(n_procs: int, services: int = 1) -> Exchange:
    """Return queues for ``n_procs`` nodes and ``services`` services (uids -1, -2 ...)."""
    return {uid: queue.SimpleQueue() for uid in range(-services, n_procs)}
