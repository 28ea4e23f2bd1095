"""What every ZeroMQ transport shares: a ROUTER to receive, a DEALER a peer to send."""

from typing import Any

import zmq

from decentralizepy.communication.Communication import Communication
from decentralizepy.mappings.Mapping import Mapping

DRAIN_MS = 10_000  # what was sent last may take this long to leave at the end
RECONNECT_MS = 20  # peers of one launch bind within a few of these


class ZeroMQ(Communication):
    """Frames over ZeroMQ; a transport adds only ``address``."""

    def __init__(
        self,
        rank: int,
        machine_id: int,
        mapping: Mapping,
        total_procs: int,
        recv_timeout: int = 50,
    ) -> None:
        super().__init__(rank, machine_id, mapping, total_procs, recv_timeout)
        self.identity = str(self.uid).encode()
        self.context = zmq.Context()
        self.peer_sockets: dict[int, zmq.Socket[bytes]] = {}
        self.router = self._socket(zmq.ROUTER)
        self.router.bind(self.address(rank, machine_id))

    def address(self, rank: int, machine_id: int) -> str:
        """Return the ZeroMQ endpoint at which the node of this place listens."""
        raise NotImplementedError

    def _socket(self, kind: int) -> "zmq.Socket[bytes]":
        socket = self.context.socket(kind)
        socket.identity = self.identity
        socket.linger = DRAIN_MS
        socket.reconnect_ivl = RECONNECT_MS
        socket.reconnect_ivl_max = 50 * RECONNECT_MS
        socket.sndhwm = socket.rcvhwm = 0  # rounds bound what is under way
        return socket

    def init_connection(self, neighbor: int) -> None:
        dealer = self._socket(zmq.DEALER)
        dealer.connect(self.address(*self.mapping.get_machine_and_rank(neighbor)))
        self.peer_sockets[neighbor] = dealer

    def already_connected(self, neighbor: int) -> bool:
        return neighbor in self.peer_sockets

    def destroy_connection(self, neighbor: int, linger: int | None = None) -> None:
        self.peer_sockets.pop(neighbor).close(linger)

    def deliver(self, neighbor: int, frames: list[Any]) -> None:
        self.peer_sockets[neighbor].send_multipart(frames, copy=False)

    def poll(self, timeout: int) -> tuple[int, list[Any]] | None:
        if not self.router.poll(timeout):
            return None
        identity, *frames = self.router.recv_multipart(copy=False)
        sender = self._sender(identity.bytes)
        if sender is None:
            self.reject(f"a stranger who says to be {identity.bytes[:32]!r}")
            return None
        return sender, [frame.buffer for frame in frames]

    def _sender(self, identity: bytes) -> int | None:
        """Return the uid that ``identity`` spells, if the network has such a node."""
        try:
            uid = int(identity)
        except ValueError:
            return None
        known = str(uid).encode() == identity and uid < self.mapping.get_n_procs()
        return uid if known else None

    def terminate(self) -> None:
        self.context.destroy(linger=DRAIN_MS)
