"""Base of the ZeroMQ transports: one ROUTER to receive, one DEALER per peer to send."""

import logging
import secrets
import threading
import time
from collections import deque
from typing import Any

import zmq

from decentralizepy.communication import _sockets
from decentralizepy.communication._door import open_door
from decentralizepy.communication._frames import Damaged, Encoded, on_wire
from decentralizepy.communication._guard import Guard
from decentralizepy.communication._link import Links, Replaced, Stray
from decentralizepy.communication._names import Names
from decentralizepy.communication._ticks import EVERY_S, Ticks
from decentralizepy.communication._watch import Watch
from decentralizepy.communication.Communication import DRAIN_MS, Communication
from decentralizepy.errors import AddressError, MessageError, PeerLost, PeerTimeout

logger = logging.getLogger(__name__)

REST_MS = 2  # idle time after which pending acknowledgements are sent
SETTLED = 8  # messages sent between two checks for acknowledgements
FAREWELL_MS = 1_000  # time for the last acknowledgements to leave


class ZeroMQ(Communication):
    """Frames over ZeroMQ; a transport adds only ``address``.

    ZeroMQ loses messages in flight when a connection breaks. Here, each message has a
    number and a checksum, is kept until the peer acknowledges it, and is resent on a
    new connection or when the peer is missing it; see
    :class:`~decentralizepy.communication._link.Link`. Acknowledgements are sent back on
    the same connection and count as ``total_control``.

    Attributes
    ----------
    heartbeat_timeout : float
        Seconds after which an unresponsive machine counts as lost; 0 means when TCP
        gives up, after minutes. See ``_sockets.py``.
    stall_timeout : float
        Seconds that sending waits for a peer that acknowledges nothing.
    """

    heartbeat_timeout = 0.0
    stall_timeout = 600.0

    def __init__(
        self,
        *place: Any,
        recv_timeout: int = 50,
        max_message: int = 0,
        guard: Guard | None = None,
    ) -> None:
        super().__init__(*place)
        self.recv_timeout = recv_timeout
        self.context = zmq.Context()
        self.context.max_sockets = 1_000 + 4 * self.mapping.get_n_procs()
        self.max_message, self.guard = max_message, guard or Guard()
        self.guard.start(self.context, self.uid)
        self.seal = self.guard.seal()
        self.instance = secrets.randbits(63) + 1
        self.links = Links(self.uid, self.instance, self.seal)
        self.watches: dict[int, Watch] = {}
        self.peer_sockets: dict[int, zmq.Socket[bytes]] = {}
        self._replaced: set[int] = set()
        self._resumed: set[int] = set()  # reconnected peers that have not answered yet
        self._ready: deque[tuple[int, list[Any]]] = deque()
        n_procs = self.mapping.get_n_procs()
        self._names = Names(self.uid, n_procs, self.guard.prove)
        self._owed: dict[int, bytes] = {}  # connections with pending acknowledgements
        self._ticks = Ticks()
        self._reading, self._sending = threading.RLock(), threading.RLock()
        self.router = self._socket(zmq.ROUTER)
        self.guard.listen(self.router)
        self._poller = zmq.Poller()
        self._poller.register(self.router, zmq.POLLIN)
        address = self.address(self.rank, self.machine_id)
        self.door = open_door(self.router, address, n_procs, self._reading, self._take)
        try:
            _sockets.listen(self.router, address, self.uid)
        except AddressError:
            self.guard.stop()
            self.context.destroy(0)
            raise

    @property
    def repeated(self) -> int:
        """Number of duplicate messages that were dropped."""
        return sum(link.repeated for link in self.links.values())

    def address(self, rank: int, machine_id: int) -> str:
        """Return the ZeroMQ endpoint at which the node of this rank and machine listens."""
        raise NotImplementedError

    def _socket(self, kind: int, peer: int | None = None) -> "zmq.Socket[bytes]":
        token = "" if peer is None else self.links[peer].token
        name, beat = self._names.new(token, peer), self.heartbeat_timeout
        return _sockets.open_socket(self.context, kind, name, self.max_message, beat)

    def init_connection(self, neighbor: int) -> None:
        with self._sending:
            self._dial(neighbor)

    def already_connected(self, neighbor: int) -> bool:
        return neighbor in self.peer_sockets

    def destroy_connection(self, neighbor: int, linger: int | None = None) -> None:
        with self._sending:
            self.watches.pop(neighbor).close()
            self.peer_sockets.pop(neighbor).close(linger)

    def forget(self, neighbor: int) -> None:
        """Start over with a peer whose process was replaced."""
        with self._sending:
            if self.already_connected(neighbor):
                self.destroy_connection(neighbor, 0)
            self.links.pop(neighbor, None)
            self.lost.discard(neighbor)
            self._replaced.discard(neighbor)
            self._names.forget(neighbor)
            self._owed.pop(neighbor, None)

    def deliver(self, neighbor: int, message: Encoded) -> None:
        message.check(self.max_message, neighbor)
        if self.links[neighbor].full:
            self._wait_for_room(neighbor)
        with self._sending:
            link = self.links[neighbor]
            if len(link.unacknowledged) % SETTLED == 1:
                self._settle(neighbor)
            self._transmit(neighbor, link.outgoing(message))
            self.total_control -= message.size  # already in the other counters

    def poll(self, timeout: int) -> tuple[int, list[Any]] | None:
        if not self._ready:
            self._pump(timeout)
        return self._ready.popleft() if self._ready else None

    def terminate(self, drain_ms: int = DRAIN_MS) -> None:
        deadline = time.monotonic() + drain_ms / 1000
        self._pump(0)
        self._answer_all()
        while lacking := self._lacking():
            if time.monotonic() > deadline:
                logger.warning("last message not acknowledged by uid %s", lacking)
                break
            self._await_answers(lacking)
        self._answer_all()
        for uid in [*self.peer_sockets]:
            self.destroy_connection(uid, 0)
        with self._reading:  # keeps the door from reading
            self.guard.stop()
            self.context.destroy(linger=min(drain_ms, FAREWELL_MS))

    def _lacking(self) -> list[int]:
        """Return the peers that have not acknowledged all messages but still may."""
        still = [uid for uid in self.peer_sockets if uid not in self.lost]
        return [uid for uid in still if self.links[uid].unacknowledged]

    def _wait_for_room(self, uid: int) -> None:
        """Wait until a peer has room for a message; keep what arrives meanwhile."""
        deadline = time.monotonic() + self.stall_timeout
        while self.links[uid].full:
            if uid in self.lost:
                raise PeerLost({uid}, "sending to it")
            if time.monotonic() > deadline:
                raise PeerTimeout(
                    f"uid {uid} has acknowledged nothing for {self.stall_timeout:g} s"
                )
            self._await_answers([uid])

    def _await_answers(self, uids: list[int]) -> None:
        """Wait up to a tick for acknowledgements from ``uids`` or for any message."""
        with self._reading, self._sending:
            if sum(self._settle(uid) for uid in uids):
                return
            sockets = [self.router, *(self.peer_sockets[uid] for uid in uids)]
            came = _sockets.wait(sockets, EVERY_S)
            if self.router in came or self._ticks.due():
                self._pump(0)

    def _dial(self, uid: int, met: bool = False) -> None:
        """Connect to a peer, and resend what an earlier connection may have lost."""
        dealer = self._socket(zmq.DEALER, uid)
        self.watches[uid] = Watch(dealer, met or self.links[uid].peer_instance != 0)
        self.guard.dial(dealer, uid)
        address = self.address(*self.mapping.get_machine_and_rank(uid))
        dealer.connect(_sockets.allow(dealer, address))
        self.peer_sockets[uid] = dealer
        self.door.invite(uid)
        if met:
            self._resumed.add(uid)
        # a small message first introduces the connection to the peer's door; the answer
        # tells what the peer has received, and whether it is still the same process
        again = [] if met else self.links[uid].again()
        for parts in [self.links[uid].ask(), *again]:
            self._transmit(uid, parts)

    def _transmit(self, uid: int, parts: list[Any]) -> None:
        _sockets.send(self.peer_sockets[uid], parts)
        self.total_control += on_wire(parts)

    def _reply(self, identity: bytes, answer: bytes) -> None:
        _sockets.send(self.router, [identity, answer])
        self.total_control += on_wire([answer])

    def _pump(self, timeout: int) -> None:
        """Handle a message that arrives within ``timeout`` ms, and periodic work."""
        with self._reading:
            parts = self._next(timeout)
            if parts:
                self._take(parts[0], parts[1:])
            if self._ticks.due_after(bool(parts), timeout > 0):
                self._tick()

    def _next(self, timeout: int) -> list[zmq.Frame] | None:
        """Return the next message within ``timeout`` ms, if any; acknowledge when idle."""
        rest = REST_MS if timeout and self._owed else timeout
        came = self._poller.poll(rest)
        if not came and timeout and self._owed:
            self._answer_all()
            came = self._poller.poll(timeout)
        return _sockets.polled(self.router) if came else None

    def _take(self, first: zmq.Frame, parts: list[zmq.Frame]) -> None:
        """Handle a message, and answer it on the connection on which it arrived."""
        identity = first.bytes
        uid, known = self._names.uid(identity), self._names.known(identity)
        if uid is None or not self.guard.knows(uid, first):
            self.reject(f"a stranger who claims to be {identity[:32]!r}")
            return
        link, answer = self.links[uid], None
        try:
            head, frames = link.open([part.buffer for part in parts])
            self._ready.extend([(uid, each) for each in link.take(head, frames)])
            if not known:
                self._names.accept(uid, identity)
                self.door.come(uid, first)
                if uid in self.watches:
                    self.watches[uid].hear()
            self._owed[uid] = identity
            if link.due(head):
                del self._owed[uid]
                answer = link.answer(head)
        except MessageError as error:
            self.reject(f"uid {uid}: {error}")
            if isinstance(error, Stray) or (known and isinstance(error, Damaged)):
                answer = link.complaint()  # do not reveal anything to a stranger
        if answer:
            self._reply(identity, answer)

    def _answer_all(self) -> None:
        """Send all pending acknowledgements."""
        with self._reading:
            for uid, identity in self._owed.items():
                self._reply(identity, self.links[uid].answer())
            self._owed.clear()

    def _tick(self) -> None:
        """Read acknowledgements, and look after connections."""
        now = self._ticks.begin()
        self._answer_all()
        with self._sending:
            for uid in [*self.peer_sockets]:
                self._settle(uid)
                watch = self.watches[uid]
                if watch.look():  # the old socket would deliver its queue twice
                    self.destroy_connection(uid, 0)
                    self._dial(uid, met=True)
                elif self.links[uid].overdue(now):
                    self._transmit(uid, self.links[uid].ask())
                gone = watch.lost or uid in self._replaced
                (self.lost.add if gone else self.lost.discard)(uid)

    def _settle(self, uid: int) -> bool:
        """Read a peer's acknowledgements, and resend what it asks for."""
        link, dealer, came = self.links[uid], self.peer_sockets[uid], False
        while parts := _sockets.received(dealer):
            came = True
            try:
                head, _ = link.open([part.buffer for part in parts])
                wanted = link.acknowledge(head)
                if wanted and uid in self._resumed:  # more may be lost than one
                    wanted = [*link.again(), link.ask()]
                self._resumed.discard(uid)
                for parts in wanted:
                    logger.info("message to uid %d sent again", uid)
                    self._transmit(uid, parts)
            except Replaced:
                self._replaced.add(uid)
            except MessageError as error:
                self.reject(f"uid {uid}: {error}")
        return came
