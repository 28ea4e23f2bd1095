"""Messages to and from one peer: each arrives once, in order, whatever a connection loses."""

import struct
import zlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, NamedTuple, Protocol

from decentralizepy.errors import MessageError, PeerError

DATA, ACK, NACK = range(3)
MAGIC = b"dp\x01"  # and the version of this layout
UNACKNOWLEDGED_LIMIT = 64  # messages that a peer may leave unanswered
HELD_LIMIT = 64  # messages that may come before one that is missing
_HEAD = struct.Struct("!3sBQQQ")

Frames = list[Any]


class Head(NamedTuple):
    """What stands before each message.

    Attributes
    ----------
    kind : int
        DATA; ACK, ``number`` being the next message that is expected; or NACK, likewise,
        and that it is to be sent again.
    sender, receiver : int
        The instances, random numbers of a process; 0 while the receiver's is unknown.
    number : int
        Of the message, on this link, from 0.
    """

    kind: int
    sender: int
    receiver: int
    number: int


class Seal(Protocol):
    """What tells a message that was changed on its way."""

    def of(self, frames: Sequence[Any]) -> bytes:
        """Return a digest of ``frames``."""
        ...

    def sign(self, head: bytes, digest: bytes, ends: tuple[int, int]) -> bytes:
        """Return the seal of a head and a digest, sent from ``ends[0]`` to ``ends[1]``."""
        ...


class Checksum:
    """CRC-32: against accidents, not against people."""

    def of(self, frames: Sequence[Any]) -> bytes:
        crc = 0
        for frame in frames:
            crc = zlib.crc32(frame, crc)
        return crc.to_bytes(4, "big")

    def sign(self, head: bytes, digest: bytes, ends: tuple[int, int]) -> bytes:
        return zlib.crc32(head + digest).to_bytes(4, "big")


class Mac:
    """Keyed BLAKE2b (RFC 7693): nobody without the key can make or change a message."""

    def __init__(self, key: bytes) -> None:
        self.key = key

    def of(self, frames: Sequence[Any]) -> bytes:
        digest = blake2b(key=self.key, digest_size=16)
        for frame in frames:
            view = memoryview(frame)
            digest.update(view.nbytes.to_bytes(8, "big"))  # where one frame ends
            digest.update(view.cast("B") if view.nbytes else b"")
        return digest.digest()

    def sign(self, head: bytes, digest: bytes, ends: tuple[int, int]) -> bytes:
        content = b"%s%s%d>%d" % (head, digest, *ends)
        return blake2b(content, key=self.key, digest_size=16).digest()


@dataclass
class Sent:
    """A message that the peer has not acknowledged."""

    number: int
    frames: Frames
    digest: bytes


class Link:
    """The numbered messages to, and from, one peer.

    A transport hands what comes in to :meth:`take`, sends what :meth:`outgoing` and
    :meth:`again` return, and answers with :meth:`answer`. Nothing here sends or waits.

    Parameters
    ----------
    me, peer : int
        Uids.
    instance : int
        This process's random number, not 0.
    seal : Seal
    """

    def __init__(self, me: int, peer: int, instance: int, seal: Seal) -> None:
        self.me, self.peer, self.instance, self.seal = me, peer, instance, seal
        self.peer_instance = 0
        self.unacknowledged: deque[Sent] = deque()
        self.sent = self.expected = 0
        self.held: dict[int, Frames] = {}

    def outgoing(self, frames: Frames, digest: bytes) -> Frames:
        """Number a message and keep it; return the frames to send."""
        if len(self.unacknowledged) >= UNACKNOWLEDGED_LIMIT:
            raise PeerError(
                f"uid {self.peer} has not acknowledged {UNACKNOWLEDGED_LIMIT} messages"
            )
        sent = Sent(self.sent, frames, digest)
        self.sent += 1
        self.unacknowledged.append(sent)
        return self._sealed(sent)

    def again(self, first: int = 0) -> list[Frames]:
        """Return the unacknowledged messages from number ``first`` on."""
        return [
            self._sealed(sent) for sent in self.unacknowledged if sent.number >= first
        ]

    def answer(self, kind: int = ACK) -> bytes:
        """Return an ACK or a NACK of what has come in so far."""
        return b"".join(self._head(kind, self.expected, b""))

    def take(self, head: Head, frames: Frames) -> list[Frames]:
        """Return the messages, in order, that a DATA message makes complete.

        Raises
        ------
        MessageError
            If the peer is another process than before.
        """
        self._meet(head)
        if head.kind != DATA or head.number < self.expected or head.number in self.held:
            return []
        if len(self.held) < HELD_LIMIT:
            self.held[head.number] = frames
        ready = []
        while self.expected in self.held:
            ready.append(self.held.pop(self.expected))
            self.expected += 1
        return ready

    def acknowledge(self, head: Head) -> list[Frames]:
        """Forget what the peer has; return what it asks for again."""
        self._meet(head)
        while self.unacknowledged and self.unacknowledged[0].number < head.number:
            self.unacknowledged.popleft()
        return self.again(head.number) if head.kind == NACK else []

    def open(self, frames: Frames) -> Head:
        """Return the head of ``frames``, which came from this peer.

        Raises
        ------
        MessageError
            If it was damaged, is not meant for this process, or of another version.
        """
        envelope = bytes(frames[0][:64]) if frames else b""
        head, seal = envelope[: _HEAD.size], envelope[_HEAD.size :]
        if len(head) < _HEAD.size or not head.startswith(MAGIC):
            raise MessageError("not a message of this version of decentralizepy")
        _, kind, sender, receiver, number = _HEAD.unpack(head)
        if seal != self.seal.sign(head, self.seal.of(frames[1:]), (self.peer, self.me)):
            raise Damaged("a message whose seal does not fit its content")
        if receiver not in (0, self.instance):
            raise MessageError("a message for another process, such as an earlier one")
        return Head(kind, sender, receiver, number)

    def _meet(self, head: Head) -> None:
        if self.peer_instance and head.sender != self.peer_instance:
            raise MessageError("a second process with the uid of the first")
        self.peer_instance = head.sender

    def _sealed(self, sent: Sent) -> Frames:
        return [b"".join(self._head(DATA, sent.number, sent.digest)), *sent.frames]

    def _head(self, kind: int, number: int, digest: bytes) -> tuple[bytes, bytes]:
        head = _HEAD.pack(MAGIC, kind, self.instance, self.peer_instance, number)
        digest = digest or self.seal.of(())
        return head, self.seal.sign(head, digest, (self.me, self.peer))


class Damaged(MessageError):
    """A message that has changed on its way, and is to be sent again."""
