"""Carries the messages of nodes from one worker process to another on the same machine."""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import zmq

from decentralizepy.engines.turns import Frames, Inbox, Turns

_HEADER = struct.Struct("!ii")  # the uids of sender and receiver
LINGER_MS = 10_000  # for the last messages to reach another worker


class Bridge:
    """A worker's end: one Unix socket to receive from all, and one to each other worker.

    Parameters
    ----------
    folder : Path
        Where the sockets are; only this user can read it.
    worker : int
        The number of this worker.
    workers : dict of int to int
        The worker of each uid.
    turns : Turns
        Of the nodes of this worker.

    Attributes
    ----------
    inboxes : dict
        For each uid, what to put its messages into.
    """

    def __init__(
        self, folder: Path, worker: int, workers: dict[int, int], turns: Turns
    ) -> None:
        self.turns = turns
        self._context = zmq.Context()
        self._incoming = self._socket(zmq.PULL)
        self._incoming.bind(_address(folder, worker))
        self._outgoing: dict[int, zmq.Socket[bytes]] = {}
        for other in set(workers.values()) - {worker}:
            self._outgoing[other] = self._socket(zmq.PUSH)
            self._outgoing[other].connect(_address(folder, other))
        self.inboxes: dict[int, Inbox | Remote] = {
            uid: Inbox(turns) if at == worker else Remote(self._outgoing[at], uid)
            for uid, at in workers.items()
        }
        turns.pump = self.pump

    def pump(self, seconds: float) -> None:
        """Hand out the messages that have arrived, or arrive within ``seconds``."""
        if not self._incoming.poll(int(1000 * seconds)):
            return
        while self._incoming.poll(0):
            header, *frames = self._incoming.recv_multipart(copy=False)
            sender, receiver = _HEADER.unpack(header.buffer)
            if frames:
                buffers = [frame.buffer for frame in frames]
                self.inboxes[receiver].put((sender, buffers))
            else:
                self.turns.lost.add(sender)

    def tell_lost(self, uid: int) -> None:
        """Tell the other workers that a node of this one has failed."""
        for socket in self._outgoing.values():
            socket.send(_HEADER.pack(uid, uid))

    def close(self) -> None:
        """Close the sockets, once the other workers have what was sent."""
        self._context.destroy(linger=LINGER_MS)

    def _socket(self, kind: int) -> "zmq.Socket[bytes]":
        socket = self._context.socket(kind)
        socket.set_hwm(0)  # how far nodes may be apart bounds what is queued
        return socket


class Remote:
    """The inbox of a node of another worker."""

    def __init__(self, socket: "zmq.Socket[bytes]", uid: int) -> None:
        self.socket, self.uid = socket, uid

    def put(self, item: Frames) -> None:
        """Send a message."""
        sender, frames = item
        parts: Sequence[Any] = [_HEADER.pack(sender, self.uid), *frames]
        self.socket.send_multipart(parts, copy=False)


def _address(folder: Path, worker: int) -> str:
    return f"ipc://{folder}/worker{worker}"
