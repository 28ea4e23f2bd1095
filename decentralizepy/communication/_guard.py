"""Access control for a node: everyone is admitted, unless a subclass decides otherwise."""

from typing import Any

import zmq

from decentralizepy.communication._seal import Checksum, Seal


class Guard:
    """Lets everybody in who says to be a node; only accidents are noticed."""

    def start(self, context: "zmq.Context[Any]", uid: int) -> None:
        """Run before any socket of ``context`` is bound, in the process of ``uid``."""

    def listen(self, socket: "zmq.Socket[bytes]") -> None:
        """Set what a socket needs before it is bound."""

    def dial(self, socket: "zmq.Socket[bytes]", peer: int) -> None:
        """Set what a socket needs before it connects to ``peer``."""

    def seal(self) -> Seal:
        """Return what every message is sealed with."""
        return Checksum()

    def knows(self, uid: int, frame: zmq.Frame) -> bool:
        """Return whether who sent ``frame`` may say to be ``uid``."""
        return True

    def stop(self) -> None:
        """Undo ``start``."""
