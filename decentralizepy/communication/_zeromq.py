"""What every ZeroMQ transport shares: a ROUTER to receive, a DEALER a peer to send."""

import logging
import secrets
import time
from collections import deque
from typing import Any

import zmq

from decentralizepy.communication._guard import Guard
from decentralizepy.communication._link import ACK, NACK, Damaged, Link
from decentralizepy.communication._watch import Watch
from decentralizepy.communication.Communication import DRAIN_MS, Communication
from decentralizepy.errors import MessageError
from decentralizepy.mappings.Mapping import Mapping

logger = logging.getLogger(__name__)

RECONNECT_MS = 20  # peers of one launch bind within a few of these
CONNECT_MS = 2_000  # how long a machine that does not answer is tried, each time
TICK_S = 0.05  # how often acknowledgements are read, and connections looked after
BACKLOG = 64  # messages of one peer that may wait in memory; then it has to
_HEARTBEATS = 5  # in the time after which a silent connection counts as cut


class ZeroMQ(Communication):
    """Frames over ZeroMQ; a transport adds only ``address``.

    ZeroMQ loses what was under way when a connection breaks. Here each message has a
    number and a checksum, is kept until the peer acknowledges it, and is sent again
    after a new connection or when the peer misses it; see
    :class:`~decentralizepy.communication._link.Link`. Acknowledgements travel back on
    the same connection, and are no part of the counters.
    """

    heartbeat_timeout = 0.0
    """Seconds without a sign of life after which a connection is made anew; 0: never."""

    def __init__(
        self,
        rank: int,
        machine_id: int,
        mapping: Mapping,
        total_procs: int,
        recv_timeout: int = 50,
        max_message: int = 0,
        guard: Guard | None = None,
    ) -> None:
        super().__init__(rank, machine_id, mapping, total_procs, recv_timeout)
        self.identity = str(self.uid).encode()
        self.context = zmq.Context()
        self.max_message, self.guard = max_message, guard or Guard()
        self.guard.start(self.context, self.uid)
        self.seal = self.guard.seal()
        self.instance = secrets.randbits(63) + 1
        self.links: dict[int, Link] = {}
        self.watches: dict[int, Watch] = {}
        self.peer_sockets: dict[int, zmq.Socket[bytes]] = {}
        self._ready: deque[tuple[int, list[Any]]] = deque()
        self._digested: tuple[Any, bytes] = (None, b"")
        self._ticked = time.monotonic()
        self.router = self._socket(zmq.ROUTER)
        self.router.router_handover = True  # who connects anew is heard at once
        self.guard.listen(self.router)
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
        socket.connect_timeout = CONNECT_MS
        socket.sndhwm, socket.rcvhwm = 0, BACKLOG
        socket.maxmsgsize = self.max_message or -1
        if self.heartbeat_timeout:
            timeout = int(1000 * self.heartbeat_timeout)
            socket.heartbeat_ivl, socket.heartbeat_timeout = (
                timeout // _HEARTBEATS,
                timeout,
            )
        return socket

    def init_connection(self, neighbor: int) -> None:
        dealer = self._socket(zmq.DEALER)
        self.watches[neighbor] = Watch(dealer)
        self.guard.dial(dealer, neighbor)
        dealer.connect(self.address(*self.mapping.get_machine_and_rank(neighbor)))
        self.peer_sockets[neighbor] = dealer

    def already_connected(self, neighbor: int) -> bool:
        return neighbor in self.peer_sockets

    def destroy_connection(self, neighbor: int, linger: int | None = None) -> None:
        self.watches.pop(neighbor).close()
        self.peer_sockets.pop(neighbor).close(linger)

    def deliver(self, neighbor: int, frames: list[Any]) -> None:
        if self._digested[0] is not frames:  # a broadcast delivers the same to many
            self._digested = (frames, self.seal.of(frames))
        sealed = self._link(neighbor).outgoing(frames, self._digested[1])
        self._transmit(neighbor, sealed)

    def poll(self, timeout: int) -> tuple[int, list[Any]] | None:
        if not self._ready:
            self._pump(timeout)
        return self._ready.popleft() if self._ready else None

    def terminate(self, drain_ms: int = DRAIN_MS) -> None:
        deadline = time.monotonic() + drain_ms / 1000
        self._tick()
        while lacking := self._lacking():
            if time.monotonic() > deadline:
                logger.warning("no confirmation of the last message by uid %s", lacking)
                break
            self._pump(int(1000 * TICK_S))
        for uid in [*self.peer_sockets]:
            self.destroy_connection(uid, 0 if uid in self.lost else drain_ms)
        self.guard.stop()
        self.context.destroy(linger=drain_ms)

    def _lacking(self) -> list[int]:
        """Return the peers that have not confirmed all messages, and still may."""
        links = self.links.items()
        open_links = [each for each in links if each[0] not in self.lost]
        return [uid for uid, link in open_links if link.unacknowledged]

    def _link(self, uid: int) -> Link:
        if uid not in self.links:
            self.links[uid] = Link(self.uid, uid, self.instance, self.seal)
        return self.links[uid]

    def _transmit(self, uid: int, frames: list[Any]) -> None:
        self.peer_sockets[uid].send_multipart(frames, copy=False)

    def _pump(self, timeout: int) -> None:
        """Take what has come in ``timeout`` milliseconds, and do what is due."""
        came = self.router.poll(timeout)
        if came:
            identity, *frames = self.router.recv_multipart(copy=False)
            self._take(identity, frames)
        if not came or time.monotonic() - self._ticked > TICK_S:
            self._tick()

    def _take(self, identity: zmq.Frame, parts: list[zmq.Frame]) -> None:
        uid = self._sender(identity.bytes)
        if uid is None or not self.guard.knows(uid, identity):
            self.reject(f"a stranger who says to be {identity.bytes[:32]!r}")
            return
        link, frames = self._link(uid), [part.buffer for part in parts]
        try:
            head = link.open(frames)
            self._ready.extend((uid, each) for each in link.take(head, frames[1:]))
        except Damaged as error:
            self.reject(f"uid {uid}: {error}")
            self._answer(uid, NACK)
        except MessageError as error:
            self.reject(f"uid {uid}: {error}")
        else:
            self._answer(uid, ACK)

    def _tick(self) -> None:
        """Ask for what is missing, read acknowledgements, look after connections."""
        self._ticked = time.monotonic()
        for uid, link in self.links.items():
            if link.held:
                self._answer(uid, NACK)
        for uid, dealer in self.peer_sockets.items():
            while dealer.poll(0):
                self._settle(
                    uid, [frame.buffer for frame in dealer.recv_multipart(copy=False)]
                )
            if self.watches[uid].look():
                self._send_again(uid, self._link(uid).again())
            (self.lost.add if self.watches[uid].lost else self.lost.discard)(uid)

    def _answer(self, uid: int, kind: int) -> None:
        self.router.send_multipart([str(uid).encode(), self._link(uid).answer(kind)])

    def _settle(self, uid: int, frames: list[Any]) -> None:
        """Take an acknowledgement, and send again what it asks for."""
        link = self._link(uid)
        try:
            self._send_again(uid, link.acknowledge(link.open(frames)))
        except MessageError as error:
            self.reject(f"uid {uid}: {error}")

    def _send_again(self, uid: int, messages: list[list[Any]]) -> None:
        for frames in messages:
            logger.info("message to uid %d sent again", uid)
            self._transmit(uid, frames)

    def _sender(self, identity: bytes) -> int | None:
        """Return the uid that ``identity`` spells, if the network has such a node."""
        try:
            uid = int(identity)
        except ValueError:
            return None
        known = str(uid).encode() == identity and uid < self.mapping.get_n_procs()
        return uid if known else None
