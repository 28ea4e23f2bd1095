"""Limits on the connections and bytes that a node accepts from strangers."""

import os
import resource
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import zmq
from zmq.utils.monitor import parse_monitor_message

from decentralizepy.communication._sockets import received

Take = Callable[[zmq.Frame, list[zmq.Frame]], None]

LOOK_MS = 20  # how often strangers' traffic is checked, while there are any
STRANGER_BYTES = 2 << 20  # from all together; a greeting takes under 1 % of it
SPARE = 64  # strangers' connections allowed beyond two per node
_RECEIVED = struct.Struct("=128xQ")  # tcpi_bytes_received in Linux's struct tcp_info
_RESET = struct.pack("ii", 1, 0)  # struct linger: drop what was not sent
_EVENTS = zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED


def most_strangers(n_procs: int) -> int:
    """Return how many strangers' connections the limit on open files leaves room for."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return int(min(SPARE + 2 * n_procs, files // 4))


class Door:
    """Admits everyone: only the owner can enter the folder of Unix sockets anyway."""

    def invite(self, uid: int) -> None:
        """Expect a peer that this node has connected to."""

    def come(self, uid: int, frame: zmq.Frame) -> None:
        """Register the connection on which a valid message from ``uid`` arrived."""


class GuardedDoor(Door):
    """Closes strangers' connections in the background, whatever the node is doing.

    ZeroMQ accepts every connection, and buffers a message of any number of frames before
    the node sees it, so strangers are limited: beyond ``most`` connections, the oldest is
    closed; beyond 2 MiB in total, the one that sent the most. A peer is no stranger once
    this node has connected to it and received a valid message from it. A node that is
    disconnected by mistake reconnects and loses nothing. The messages of a connection stay
    in memory when it ends, so they are read then, lest many connections fill the memory of
    a node that is training.

    Parameters
    ----------
    router : zmq.Socket
        A TCP socket that is not yet bound.
    most : int
        Largest number of strangers' connections.
    reading : threading.RLock
        Held by whoever reads from ``router``.
    take : callable
        Handles the parts of a message: the first, and a list of the others.
    """

    def __init__(
        self,
        router: "zmq.Socket[bytes]",
        most: int,
        reading: "threading.RLock",
        take: Take,
    ) -> None:
        self.most = most
        self._router, self._reading, self._take = router, reading, take
        self._ended = False  # whether a stranger's connection has, since the last look
        self._strangers: dict[int, None] = {}  # file descriptors, oldest first
        self._known: list[int] = []
        self._invited: set[int] = set()
        self._files: dict[int, int] = {}  # file descriptors of peers, by uid
        self._lock = threading.Lock()
        # a shadow context, so that destroying the context does not close this socket
        shadow: zmq.Context[Any] = zmq.Context.shadow(router.context)
        address = f"inproc://door.{id(router)}"
        router.monitor(address, _EVENTS)
        self._monitor = shadow.socket(zmq.PAIR)
        self._monitor.connect(address)
        threading.Thread(target=self._watch, name="door", daemon=True).start()

    def invite(self, uid: int) -> None:
        self._invited.add(uid)
        if uid in self._files:
            self._know(self._files[uid])

    def come(self, uid: int, frame: zmq.Frame) -> None:
        self._files[uid] = int(frame.get(zmq.SRCFD))
        if uid in self._invited:
            self._know(self._files[uid])

    def _know(self, file: int) -> None:
        with self._lock:
            self._known.append(file)

    def _watch(self) -> None:
        try:
            while True:
                self._monitor.poll(LOOK_MS if self._strangers else None)
                with self._lock:
                    known, self._known = self._known, []
                # a known peer was accepted earlier, so its event is already in the queue
                while parts := received(self._monitor):
                    self._heed(parse_monitor_message([part.bytes for part in parts]))
                for file in known:
                    self._strangers.pop(file, None)
                self._limit()
                if self._ended:
                    self._ended = False
                    self._read()
        except zmq.ContextTerminated:  # the node has closed its transport
            self._monitor.close(0)

    def _heed(self, event: Any) -> None:
        if event["value"] in self._strangers:
            del self._strangers[event["value"]]
            self._ended = True
        if event["event"] == zmq.EVENT_ACCEPTED:
            self._strangers[event["value"]] = None

    def _limit(self) -> None:
        while len(self._strangers) > self.most:
            self._close(next(iter(self._strangers)))
        sent = {file: received_bytes(file) for file in self._strangers}
        while sum(sent.values()) > STRANGER_BYTES:
            most = max(sent, key=lambda file: sent[file])
            del sent[most]
            self._close(most)

    def _read(self) -> None:
        while self._reading.acquire(blocking=False):  # else the node reads itself
            try:
                parts = received(self._router)
                if not parts:
                    break
                self._take(parts[0], parts[1:])
            finally:
                self._reading.release()

    def _close(self, file: int) -> None:
        del self._strangers[file]
        self._ended = True
        # the number may be reused by now: a plain file is unharmed, a peer reconnects
        with suppress(OSError), socket.socket(fileno=os.dup(file)) as connection:
            # reset: else a sender that waits for room learns of it after minutes
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            connection.shutdown(socket.SHUT_RDWR)


def open_door(
    router: "zmq.Socket[bytes]",
    address: str,
    n_procs: int,
    reading: "threading.RLock",
    take: Take,
) -> Door:
    """Return the door for a node that will listen at ``address``."""
    if address.startswith("tcp:"):
        return GuardedDoor(router, most_strangers(n_procs), reading, take)
    return Door()


def received_bytes(file: int) -> int:
    """Return the bytes received on a TCP connection; 0 if the system does not tell."""
    with suppress(OSError, struct.error), socket.socket(
        fileno=os.dup(file)
    ) as connection:
        info = connection.getsockopt(
            socket.IPPROTO_TCP, socket.TCP_INFO, _RECEIVED.size
        )
        return int(_RECEIVED.unpack(info)[0])
    return 0
