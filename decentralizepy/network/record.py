"""What a node notes of its rounds, so that their virtual time can be computed."""

import time
from collections.abc import Iterable
from typing import Any

from decentralizepy.message import Label

EVENTS = "network"
"""The key of a line of results that holds the events of a round."""


class Unrecorded:
    """Notes nothing, as no network is emulated."""

    def begin(self) -> None:
        """Begin a round."""

    def idle(self) -> None:
        """Note that the node computes nothing in this round."""

    def sent(self, uid: int, size: int, label: Label | None) -> None:
        """Note that a message of ``size`` bytes is sent to ``uid``."""

    def waited(self, uids: Iterable[int], label: Label) -> None:
        """Note that the node goes on once it has the messages of ``uids``."""

    def take(self) -> dict[str, Any]:
        """End a round; return what its line of results gets."""
        return {}


class Recorder(Unrecorded):
    """Notes what :func:`decentralizepy.network.replay.replay` takes.

    The seconds between events are those that this thread has used a CPU, which other
    processes on the same core do not lengthen.
    """

    def __init__(self) -> None:
        self._events: list[list[Any]] = []
        self._mark = time.thread_time()

    def begin(self) -> None:
        self._mark = time.thread_time()

    def idle(self) -> None:
        self._events.append(["idle", 0.0])

    def sent(self, uid: int, size: int, label: Label | None) -> None:
        if label is None:
            return
        last: list[Any] = self._events[-1] if self._events else [""]
        if last[0] == "send" and last[2:] == [size, *label]:
            last[1].append(uid)
            return
        self._note_computed()
        self._events.append(["send", [uid], size, *label])

    def waited(self, uids: Iterable[int], label: Label) -> None:
        self._events.append(["await", sorted(uids), *label])
        self.begin()

    def take(self) -> dict[str, Any]:
        self._note_computed()
        events, self._events = self._events, []
        return {EVENTS: events}

    def _note_computed(self) -> None:
        now = time.thread_time()
        self._events.append(["compute", now - self._mark])
        self._mark = now
