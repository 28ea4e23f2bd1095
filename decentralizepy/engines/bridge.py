"""Carries the messages of nodes from one worker process to another on the same machine."""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from decentralizepy.communication.workers import WorkerSockets
from decentralizepy.engines.turns import Inbox, Message, Turns


class Letter(NamedTuple):
    """A message on its way to another worker, once for all its receivers there."""

    sender: int
    frames: Sequence[Any]
    receivers: list[int]

    def parts(self) -> list[Any]:
        """Return the parts to send: the uids, then the frames."""
        uids = self.sender, *self.receivers
        return [struct.pack(f"!{len(uids)}i", *uids), *self.frames]


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
        self._held: dict[int, Letter] = {}
        self.inboxes: dict[int, Inbox | Remote] = {
            uid: Inbox(turns, uid) if at == worker else Remote(self, at, uid)
            for uid, at in workers.items()
        }
        turns.pump = self.pump

    def pump(self, seconds: float) -> None:
        """Hand out the messages that are there, or the first to come in ``seconds``."""
        self.flush()
        for header, frames in self._sockets.receive(seconds):
            sender, *receivers = struct.unpack(f"!{len(header) // 4}i", header)
            for uid in receivers:
                self.inboxes[uid].put((sender, frames))
            if not receivers:
                self.turns.lost.add(sender)

    def send(
        self, worker: int, sender: int, receiver: int, frames: Sequence[Any]
    ) -> None:
        """Send a message, together with the same one to other nodes of that worker."""
        held = self._held.get(worker)
        if held and held.frames is frames:
            held.receivers.append(receiver)
            return
        if held:
            self._sockets.send(worker, held.parts())
        self._held[worker] = Letter(sender, frames, [receiver])

    def flush(self) -> None:
        """Send what may still have been sent to more nodes."""
        while self._held:
            worker, letter = self._held.popitem()
            self._sockets.send(worker, letter.parts())

    def tell_lost(self, uid: int) -> None:
        """Tell the other workers that a node of this one has failed."""
        self.flush()
        (part,) = Letter(uid, [], []).parts()
        self._sockets.broadcast(part)

    def close(self) -> None:
        """Close the sockets, once the other workers have what was sent."""
        self.flush()
        self._sockets.close()


class Remote:
    """The inbox of a node of another worker."""

    def __init__(self, bridge: Bridge, worker: int, uid: int) -> None:
        self.bridge, self.worker, self.uid = bridge, worker, uid

    def put(self, item: Message) -> None:
        """Send a message."""
        sender, frames = item
        self.bridge.send(self.worker, sender, self.uid, frames)
