"""Carries the messages of nodes from one worker process to another on the same machine."""

import struct
from pathlib import Path

from decentralizepy.communication.workers import WorkerSockets
from decentralizepy.engines.turns import Frames, Inbox, Turns

_HEADER = struct.Struct("!ii")  # the uids of sender and receiver


class Bridge:
    """A worker's end of the links between workers.

    Parameters
    ----------
    folder : Path
        Where the sockets are; only this user may read it.
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
        self._sockets = WorkerSockets(folder, worker, {*workers.values()} - {worker})
        self.inboxes: dict[int, Inbox | Remote] = {
            uid: Inbox(turns) if at == worker else Remote(self._sockets, at, uid)
            for uid, at in workers.items()
        }
        turns.pump = self.pump

    def pump(self, seconds: float) -> None:
        """Hand out the messages that are there, or the first to come in ``seconds``."""
        for header, *frames in self._sockets.receive(seconds):
            sender, receiver = _HEADER.unpack(header)
            if frames:
                self.inboxes[receiver].put((sender, frames))
            else:
                self.turns.lost.add(sender)

    def tell_lost(self, uid: int) -> None:
        """Tell the other workers that a node of this one has failed."""
        self._sockets.broadcast(_HEADER.pack(uid, uid))

    def close(self) -> None:
        """Close the sockets, once the other workers have what was sent."""
        self._sockets.close()


class Remote:
    """The inbox of a node of another worker."""

    def __init__(self, sockets: WorkerSockets, worker: int, uid: int) -> None:
        self.sockets, self.worker, self.uid = sockets, worker, uid

    def put(self, item: Frames) -> None:
        """Send a message."""
        sender, frames = item
        self.sockets.send(self.worker, [_HEADER.pack(sender, self.uid), *frames])
