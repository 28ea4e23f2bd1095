"""Access control for a node: admits everyone unless a subclass decides otherwise."""

from typing import Any

import zmq

from decentralizepy.communication._seal import Checksum, Seal


class Guard:
    """Admits everyone who claims to be a node; detects accidental damage only."""

    def start(self, context: "zmq.Context[Any]", uid: int) -> None:
        """Called in the process of ``uid`` before any socket of ``context`` is bound."""

    def listen(self, socket: "zmq.Socket[bytes]") -> None:
        """Configure a socket before it is bound."""

    def dial(self, socket: "zmq.Socket[bytes]", peer: int) -> None:
        """Configure a socket before it connects to ``peer``."""

    def seal(self) -> Seal:
        """Return the seal for all messages."""
        return Checksum()

    def knows(self, uid: int, frame: zmq.Frame) -> bool:
        """Return whether the sender of ``frame`` may claim to be ``uid``."""
        return True

    def stop(self) -> None:
        """Undo ``start``."""
