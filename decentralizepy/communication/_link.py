"""Reliable link to one peer: messages arrive exactly once and in order."""

import secrets
import struct
from collections import deque
from hmac import compare_digest
from typing import Any, NamedTuple

from decentralizepy.communication._frames import Damaged, Encoded, bodies, split
from decentralizepy.communication._seal import Seal
from decentralizepy.errors import MessageError

DATA, FIRST, ACK, NACK, ASK = range(5)
MAGIC = b"dp\x03"  # the last byte is the version of this layout
WINDOW = 64  # messages in flight; a receiver holds no more
WINDOW_BYTES = 1 << 29  # a sender keeps at most that many, plus one message
ACK_MESSAGES, ACK_BYTES = 16, 1 << 21  # an acknowledgement is due after either
ASK_S = 1.0  # a silent peer is polled after 1, 2, 4, 8 ... seconds
_HEAD = struct.Struct("!3scBQQQ")

Frames = list[Any]


class Head(NamedTuple):
    """The header of each message on a link.

    Attributes
    ----------
    kind : int
        DATA; FIRST, which is DATA sent when nothing is unacknowledged, and is answered at
        once; ACK, whose ``number`` is the next message expected; NACK, the same with a
        request to resend it; ASK, which requests one of these, and whose ``number`` is
        that of the next DATA.
    sender, receiver : int
        The instances: random numbers, one per process; 0 for a receiver that is unknown.
    number : int
        The sequence number on this link, from 0.
    """

    kind: int
    sender: int
    receiver: int
    number: int


class Link:
    """The numbered messages to and from one peer.

    A transport passes incoming messages to :meth:`open` and then to :meth:`take` or
    :meth:`acknowledge`, and sends what the other methods return. Nothing here sends or
    waits. A gap is not reported when it is noticed, because the missing message may be in
    flight, but when the sender asks: everything sent before that has then either arrived
    or been lost.

    Acknowledgements are batched: one is due after 16 messages or 2 MiB, after the first
    message of a burst, and when the peer asks. The transport sends the others when it is
    idle.

    Parameters
    ----------
    me, peer : int
        Uids.
    instance : int
        This process's random number; not 0.
    seal : Seal

    Attributes
    ----------
    token : str
        Part of the names of connections to the peer; nobody else learns it.
    repeated : int
        Duplicate messages that were dropped.
    owed : int
        Messages accepted since the last acknowledgement.
    """

    def __init__(self, me: int, peer: int, instance: int, seal: Seal) -> None:
        self.me, self.peer, self.instance, self.seal = me, peer, instance, seal
        self._outward, self._inward = (me, peer), (peer, me)
        self._envelope = _HEAD.size + seal.size
        self.token = secrets.token_hex(16)
        self.peer_instance = self.repeated = 0
        self.unacknowledged: deque[Encoded] = deque()
        self.sent = self.expected = self._bytes = self._asked = 0
        self.held: dict[int, Frames] = {}
        self.owed = self._owed_bytes = 0
        self._complained = -1
        self._silent_since: float | None = None

    @property
    def full(self) -> bool:
        """Whether the peer must acknowledge messages before more may be sent."""
        return len(self.unacknowledged) >= WINDOW or self._bytes >= WINDOW_BYTES

    @property
    def _arrived(self) -> int:
        """How many messages the peer has acknowledged."""
        return self.sent - len(self.unacknowledged)

    def outgoing(self, message: Encoded) -> Frames:
        """Number a message and keep it; return the frames to send."""
        kind = DATA if self.unacknowledged else FIRST
        parts = self._sealed(message, self.sent, kind)
        self.sent += 1
        self._bytes += message.size
        self.unacknowledged.append(message)
        return parts

    def again(self) -> list[Frames]:
        """Return the messages that a connection may have lost."""
        numbered = enumerate(self.unacknowledged, self._arrived)
        return [self._sealed(message, number) for number, message in numbered]

    def overdue(self, now: float) -> bool:
        """Return whether to poll the peer at time ``now`` (s), with exponential backoff."""
        if not self.unacknowledged:
            self._silent_since = None
        elif self._silent_since is None:
            self._silent_since, self._asked = now, 0
        elif now - self._silent_since >= ASK_S * 2**self._asked:
            self._asked += 1
            return True
        return False

    def ask(self) -> Frames:
        """Return a message that asks the peer what it has received."""
        return [self._head(ASK, self.sent)]

    def take(self, head: Head, frames: Frames) -> list[Frames]:
        """Accept a DATA message; return the messages that can be delivered in order.

        Raises
        ------
        MessageError
            If the peer is a different process than before.
        """
        self._meet(head)
        ahead = head.number - self.expected
        if head.kind not in (DATA, FIRST) or ahead >= WINDOW:
            return []
        if ahead < 0 or head.number in self.held:
            self.repeated += 1
            self.owed = ACK_MESSAGES  # the peer does not know that it arrived
            return []
        self.owed += 1
        self._owed_bytes += sum([len(frame) for frame in frames])
        if not ahead and not self.held:
            self.expected += 1
            return [frames]
        self.held[head.number] = frames
        ready = []
        while self.expected in self.held:
            ready.append(self.held.pop(self.expected))
            self.expected += 1
        return ready

    def due(self, head: Head) -> bool:
        """Return whether an accepted message with ``head`` must be answered now."""
        if head.kind == DATA:
            return self.owed >= ACK_MESSAGES or self._owed_bytes >= ACK_BYTES
        return True

    def answer(self, head: Head | None = None) -> bytes:
        """Return the acknowledgement that is due, or the answer to ``head``."""
        self.owed = self._owed_bytes = 0
        lacking = head and head.kind == ASK and self.expected < head.number
        return self._head(NACK if lacking else ACK, self.expected)

    def complaint(self) -> bytes | None:
        """Return a NACK for an invalid message, once per number to not amplify forgeries."""
        if self._complained == self.expected:
            return None
        self._complained = self.expected
        return self._head(NACK, self.expected)

    def acknowledge(self, head: Head) -> list[Frames]:
        """Forget the messages that the peer has received; return those to send now.

        Raises
        ------
        Replaced
            If a different process answers at the peer's address.
        MessageError
            If this is not a valid answer.
        """
        if self.peer_instance not in (0, head.sender):
            raise Replaced("another process answers at its address")
        self._meet(head)
        if head.kind not in (ACK, NACK) or head.number > self.sent:
            raise MessageError("an answer to a message that was never sent")
        self._silent_since = None
        for _ in range(self._arrived, head.number):
            self._bytes -= self.unacknowledged.popleft().size
        if head.kind == ACK or not self.unacknowledged:
            return []
        return [self._sealed(self.unacknowledged[0], self._arrived), self.ask()]

    def open(self, parts: Frames) -> tuple[Head, Frames]:
        """Return the head and the frames of a message from this peer.

        Raises
        ------
        MessageError
            If it is damaged, for another process, or of another version.
        """
        envelope = bytes(parts[0][: self._envelope]) if parts else b""
        if len(envelope) < _HEAD.size or not envelope.startswith(MAGIC):
            raise MessageError("not a message of this version of decentralizepy")
        start, seal = envelope[: _HEAD.size], envelope[_HEAD.size :]
        _, code, kind, sender, receiver, number = _HEAD.unpack(start)
        if code != self.seal.code:
            raise MessageError(
                f"a message with a seal of kind {code!r}, not {self.seal.code!r}: the "
                "machines differ in `security` or in whether blake3 is installed"
            )
        content = bodies(parts, self._envelope)
        digest = self.seal.of(content)
        if not compare_digest(seal, self.seal.sign(start, digest, self._inward)):
            raise Damaged("a message whose seal does not match its content")
        if receiver not in (0, self.instance):
            raise Stray("a message for another process, such as a previous one")
        return Head(kind, sender, receiver, number), split(content)

    def _meet(self, head: Head) -> None:
        if self.peer_instance and head.sender != self.peer_instance:
            raise MessageError("a second process with the same uid")
        self.peer_instance = head.sender

    def _sealed(self, message: Encoded, number: int, kind: int = DATA) -> Frames:
        return message.parts(self._head(kind, number, message.digest(self.seal.of)))

    def _head(self, kind: int, number: int, digest: bytes = b"") -> bytes:
        instances = self.instance, self.peer_instance
        head = _HEAD.pack(MAGIC, self.seal.code, kind, *instances, number)
        return head + self.seal.sign(head, digest, self._outward)


class Stray(MessageError):
    """A message for another process; its sender must learn that this is a new one."""


class Replaced(MessageError):
    """An answer which shows that a peer's process was replaced by another."""


class Links(dict[int, Link]):
    """The links of uid ``me`` by peer uid, each created on first use."""

    def __init__(self, me: int, instance: int, seal: Seal) -> None:
        super().__init__()
        self.me, self.instance, self.seal = me, instance, seal

    def __missing__(self, peer: int) -> Link:
        self[peer] = Link(self.me, peer, self.instance, self.seal)
        return self[peer]
