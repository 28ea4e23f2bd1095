"""Messages to and from one peer: each arrives once, in order, whatever a connection loses."""

import struct
import zlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from hmac import compare_digest
from typing import Any, NamedTuple, Protocol

from decentralizepy.errors import MessageError

DATA, ACK, NACK, ASK = range(4)
MAGIC = b"dp\x01"  # and the version of this layout
WINDOW = 64  # messages that may be on their way: a receiver holds no more
WINDOW_BYTES = 1 << 29  # a sender keeps no more than that, and one message
ASK_S = 1.0  # a silent peer is asked what it has after 1, 2, 4, 8 ... seconds
_HEAD = struct.Struct("!3sBQQQ")

Frames = list[Any]


class Head(NamedTuple):
    """What stands before each message.

    Attributes
    ----------
    kind : int
        DATA; ACK, ``number`` being the next message that is expected; NACK, likewise, and
        that it is to be sent again; ASK for one of these, ``number`` being that of the
        next DATA.
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
    size: int


class Link:
    """The numbered messages to, and from, one peer.

    A transport hands what comes in to :meth:`open` and then to :meth:`take` or
    :meth:`acknowledge`, and sends what the other methods return. Nothing here sends or
    waits. A gap is not complained of when it is seen, since what is missing may be on
    its way, but when the sender asks: what it sent before it asked has then arrived, or
    never will.

    Parameters
    ----------
    me, peer : int
        Uids.
    instance : int
        This process's random number, not 0.
    seal : Seal

    Attributes
    ----------
    repeated : int
        Messages that came more than once, and were dropped.
    """

    def __init__(self, me: int, peer: int, instance: int, seal: Seal) -> None:
        self.me, self.peer, self.instance, self.seal = me, peer, instance, seal
        self.peer_instance = self.repeated = 0
        self.unacknowledged: deque[Sent] = deque()
        self.sent = self.expected = self._bytes = self._asked = 0
        self.held: dict[int, Frames] = {}
        self._complained = -1
        self._silent_since: float | None = None

    @property
    def full(self) -> bool:
        """Whether the peer must acknowledge something before more may be sent."""
        return len(self.unacknowledged) >= WINDOW or self._bytes >= WINDOW_BYTES

    def outgoing(self, frames: Frames, digest: bytes) -> Frames:
        """Number a message and keep it; return the frames to send."""
        size = sum(memoryview(frame).nbytes for frame in frames)
        sent = Sent(self.sent, frames, digest, size)
        self.sent += 1
        self._bytes += size
        self.unacknowledged.append(sent)
        return self._sealed(sent)

    def again(self) -> list[Frames]:
        """Return the messages that a connection may have lost."""
        return [self._sealed(sent) for sent in self.unacknowledged]

    def overdue(self, now: float) -> bool:
        """Tell whether to ask at time ``now`` (seconds): more and more rarely."""
        if not self.unacknowledged:
            self._silent_since = None
        elif self._silent_since is None:
            self._silent_since, self._asked = now, 0
        elif now - self._silent_since >= ASK_S * 2**self._asked:
            self._asked += 1
            return True
        return False

    def ask(self) -> Frames:
        """Return the question what the peer has."""
        return [self._head(ASK, self.sent)]

    def take(self, head: Head, frames: Frames) -> list[Frames]:
        """Return the messages, in order, that a DATA message makes complete.

        Raises
        ------
        MessageError
            If the peer is another process than before.
        """
        self._meet(head)
        ahead = head.number - self.expected
        if head.kind != DATA or ahead >= WINDOW:
            return []
        if ahead < 0 or head.number in self.held:
            self.repeated += 1
            return []
        self.held[head.number] = frames
        ready = []
        while self.expected in self.held:
            ready.append(self.held.pop(self.expected))
            self.expected += 1
        return ready

    def answer(self, head: Head) -> bytes:
        """Return what a message of ``head``, which was taken, is answered with."""
        lacking = head.kind == ASK and self.expected < head.number
        return self._head(NACK if lacking else ACK, self.expected)

    def complaint(self) -> bytes | None:
        """Return the answer to what cannot be taken, once a message: a forger is not to make more."""
        if self._complained == self.expected:
            return None
        self._complained = self.expected
        return self._head(NACK, self.expected)

    def acknowledge(self, head: Head) -> list[Frames]:
        """Forget what the peer has; return what is to be sent now.

        Raises
        ------
        Replaced
            If another process answers at the peer's address.
        MessageError
            If this is no answer.
        """
        if self.peer_instance not in (0, head.sender):
            raise Replaced("another process answers at its address")
        self._meet(head)
        if head.kind not in (ACK, NACK) or head.number > self.sent:
            raise MessageError("an answer to what was never asked")
        self._silent_since = None
        while self.unacknowledged and self.unacknowledged[0].number < head.number:
            self._bytes -= self.unacknowledged.popleft().size
        if head.kind == ACK or not self.unacknowledged:
            return []
        return [self._sealed(self.unacknowledged[0]), self.ask()]

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
        expected = self.seal.sign(head, self.seal.of(frames[1:]), (self.peer, self.me))
        if not compare_digest(seal, expected):
            raise Damaged("a message whose seal does not fit its content")
        if receiver not in (0, self.instance):
            raise Stray("a message for another process, such as an earlier one")
        return Head(kind, sender, receiver, number)

    def _meet(self, head: Head) -> None:
        if self.peer_instance and head.sender != self.peer_instance:
            raise MessageError("a second process with the uid of the first")
        self.peer_instance = head.sender

    def _sealed(self, sent: Sent) -> Frames:
        return [self._head(DATA, sent.number, sent.digest), *sent.frames]

    def _head(self, kind: int, number: int, digest: bytes | None = None) -> bytes:
        head = _HEAD.pack(MAGIC, kind, self.instance, self.peer_instance, number)
        digest = self.seal.of(()) if digest is None else digest
        return head + self.seal.sign(head, digest, (self.me, self.peer))


class Damaged(MessageError):
    """A message that has changed on its way, and is to be sent again."""


class Stray(MessageError):
    """A message whose sender is to learn that this is another process."""


class Replaced(MessageError):
    """An answer that tells that a peer's process has ended, and another began."""
