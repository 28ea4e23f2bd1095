"""Access control for a node: admits everyone unless a subclass decides otherwise."""

from hashlib import blake2b
from typing import Any

import zmq

from decentralizepy.communication._seal import Checksum, Seal

PROOF_BYTES = 16


class Guard:
    """Admits everyone who claims to be a node; detects accidental damage only.

    Parameters
    ----------
    secret : bytes, default b""
        Known to all nodes of the run, if they are on one machine: whoever claims to be one
        of them must know it. It does not protect messages.
    """

    def __init__(self, secret: bytes = b"") -> None:
        self._shared = secret

    def start(self, context: "zmq.Context[Any]", uid: int) -> None:
        """Called in the process of ``uid`` before any socket of ``context`` is bound."""

    def listen(self, socket: "zmq.Socket[bytes]") -> None:
        """Configure a socket before it is bound."""

    def dial(self, socket: "zmq.Socket[bytes]", peer: int) -> None:
        """Configure a socket before it connects to ``peer``."""

    def seal(self) -> Seal:
        """Return the seal for all messages."""
        return Checksum()

    def prove(self, sender: int, receiver: int, token: bytes) -> bytes:
        """Return the proof that a connection with ``token`` is by ``sender``."""
        if not self._shared:
            return b""
        ends = b"%d>%d " % (sender, receiver)
        digest = blake2b(ends + token, key=self._shared, digest_size=PROOF_BYTES)
        return digest.hexdigest().encode()

    def knows(self, uid: int, frame: zmq.Frame) -> bool:
        """Return whether the sender of ``frame`` may claim to be ``uid``."""
        return True

    def stop(self) -> None:
        """Undo ``start``."""
