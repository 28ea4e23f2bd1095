"""Unix sockets between the worker processes of one machine, which trust each other."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import zmq

from decentralizepy.communication._wire import Frames

LONGEST = 90  # bytes of the folder's path; that of a socket has at most 107
LINGER_MS = 10_000  # for the last messages to reach another worker


class WorkerSockets:
    """A worker's sockets: one to receive from all others, and one to send to each.

    Nothing is sealed or acknowledged, since nothing gets lost and nobody else can open
    the sockets. Parts of a message must not be written to once they are sent.

    Parameters
    ----------
    folder : Path
        Where the sockets are; only this user may read it.
    worker : int
        The number of this worker.
    others : iterable of int
        The numbers of the other workers.
    """

    def __init__(self, folder: Path, worker: int, others: Iterable[int]) -> None:
        self._context = zmq.Context()
        self._folder: int | None = None
        place = str(folder)
        if len(os.fsencode(place)) > LONGEST:
            self._folder = os.open(folder, os.O_RDONLY)
            place = f"/proc/self/fd/{self._folder}"  # the same one, on Linux
        self._incoming = self._socket(zmq.PULL)
        self._incoming.bind(_address(place, worker))
        self._outgoing: dict[int, zmq.Socket[bytes]] = {}
        for other in others:
            self._outgoing[other] = self._socket(zmq.PUSH)
            self._outgoing[other].connect(_address(place, other))

    def send(self, worker: int, parts: Sequence[Any]) -> None:
        """Send a message, which may have any number of parts."""
        self._outgoing[worker].send_multipart(parts, copy=False)

    def broadcast(self, part: bytes) -> None:
        """Send a message of one part to all other workers."""
        for worker in self._outgoing:
            self.send(worker, [part])

    def receive(self, seconds: float) -> Iterator[tuple[memoryview, Frames]]:
        """Yield the first part of each message that is there, and its other parts.

        If there is none, wait up to ``seconds`` for one. The parts are read-only, since
        several nodes may share them.
        """
        waiting = self._incoming.poll(int(1000 * seconds))
        while waiting:
            parts = self._incoming.recv_multipart(copy=False)
            header, *frames = [part.buffer.toreadonly() for part in parts]
            yield header, Frames(frames)
            waiting = self._incoming.poll(0)

    def close(self) -> None:
        """Close the sockets, once the other workers have what was sent."""
        self._context.destroy(linger=LINGER_MS)
        if self._folder is not None:
            os.close(self._folder)

    def _socket(self, kind: int) -> "zmq.Socket[bytes]":
        socket = self._context.socket(kind)
        socket.set_hwm(0)  # how far nodes may be apart bounds what is queued
        return socket


def _address(folder: str, worker: int) -> str:
    return f"ipc://{folder}/worker{worker}"
