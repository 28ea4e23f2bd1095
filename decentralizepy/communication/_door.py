"""Limits on the connections and bytes that a node accepts from strangers."""

import os
import resource
import socket
import struct
import threading
from contextlib import suppress
from typing import Any

import zmq
from zmq.utils.monitor import parse_monitor_message

from decentralizepy.communication._sockets import received

LOOK_MS = 20  # between two looks at what strangers have sent, while there are any
STRANGER_BYTES = 2 << 20  # of all of them: a greeting has less than one hundredth
SPARE = 64  # connections of strangers besides two for each node
_RECEIVED = struct.Struct("=128xQ")  # tcpi_bytes_received in Linux's struct tcp_info
_EVENTS = zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED


def most_strangers(n_procs: int) -> int:
    """Return how many connections of strangers fit beside a node's own files."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return int(min(SPARE + 2 * n_procs, files // 4))


class Door:
    """Lets everybody in: the folder of unix sockets is its owner's alone."""

    def invite(self, uid: int) -> None:
        """Expect a peer that this node has connected to."""

    def come(self, uid: int, frame: zmq.Frame) -> None:
        """Take note of the connection by which a message of ``uid`` has come."""


class GuardedDoor(Door):
    """Closes connections of strangers, whatever the node itself is doing.

    ZeroMQ takes every connection, and collects a message of any number of frames, before
    the node sees it. Who is not known is limited (a peer is, if this node has connected to
    it, and a message of it could be taken): beyond ``most``
    connections the oldest is closed, and beyond 2 MiB in all the one that sent most. A
    node that is cut off by mistake connects again, and loses nothing.

    Parameters
    ----------
    router : zmq.Socket
        Before it is bound, over TCP.
    most : int
        Connections.
    """

    def __init__(self, router: "zmq.Socket[bytes]", most: int) -> None:
        self.most = most
        self._strangers: dict[int, None] = {}  # file numbers, oldest first
        self._known: list[int] = []
        self._invited: set[int] = set()
        self._files: dict[int, int] = {}  # of peers' connections, by uid
        self._lock = threading.Lock()
        # a context of its own over the same one: it outlives what closes the others
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
                # who is known was accepted: that is among what has come until now
                while parts := received(self._monitor):
                    self._heed(parse_monitor_message([part.bytes for part in parts]))
                for file in known:
                    self._strangers.pop(file, None)
                self._limit()
        except zmq.ContextTerminated:  # the node has ended
            self._monitor.close(0)

    def _heed(self, event: Any) -> None:
        self._strangers.pop(event["value"], None)
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

    def _close(self, file: int) -> None:
        del self._strangers[file]
        # another file may have its number by now: then it is left alone, or connects anew
        with suppress(OSError), socket.socket(fileno=os.dup(file)) as connection:
            connection.shutdown(socket.SHUT_RDWR)


def open_door(router: "zmq.Socket[bytes]", address: str, n_procs: int) -> Door:
    """Return the door of a node that will listen at ``address``."""
    if address.startswith("tcp:"):
        return GuardedDoor(router, most_strangers(n_procs))
    return Door()


def received_bytes(file: int) -> int:
    """Return how many bytes have come on a TCP connection; 0 where nobody tells."""
    with suppress(OSError, struct.error), socket.socket(
        fileno=os.dup(file)
    ) as connection:
        info = connection.getsockopt(
            socket.IPPROTO_TCP, socket.TCP_INFO, _RECEIVED.size
        )
        return int(_RECEIVED.unpack(info)[0])
    return 0
