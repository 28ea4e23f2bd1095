"""Queues of received messages, one per channel, and bounded waits for the next one."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from decentralizepy.errors import PeerLost, PeerTimeout
from decentralizepy.message import CHANNELS, Message
from decentralizepy.node.notice import Notice, asymmetry, give_notice, name_peers

Received = tuple[int, Message]
Missing = Callable[[], Iterable[int]]

UNREAD_LIMIT = 64  # unread messages per peer
CHANNEL_LIMIT = 32  # channels, including those that foreign nodes add
SWITCH_S = 0.05  # how soon a second thread sees what the first one queued


class Expected(NamedTuple):
    """What a wait is for: the arguments of :meth:`Mailbox.expecting`."""

    missing: Missing | None = None
    timeout: float | None = None
    since: float | None = None


NOTHING = Expected()


class Mailbox:
    """The receiving end of a node; two threads may read different channels at once.

    Attributes
    ----------
    message_queue : dict
        Deques of unread (sender, message) by channel.
    peer_timeout : float
        Time limit of a wait for a message, in seconds.
    warn_after : float
        Seconds after which a wait is logged and reported to the launcher, with the
        missing peers.
    waited : float
        Seconds waited since :meth:`take_waits`.
    longest : tuple of (float, int)
        The longest of these waits, and the sender whose message ended it.
    greeting_s : float
        Seconds spent on greetings since the last message of another channel was read.
    """

    peer_timeout = 600.0
    warn_after = 10.0
    waited = 0.0
    longest: tuple[float, int] | None = None
    greeting_s = 0.0
    now: Callable[[], float] = staticmethod(time.monotonic)
    """Returns the time in seconds; virtual time if that decides when messages arrive."""
    uid: int
    communication: Any
    barrier: set[int]
    message_queue: dict[str, "deque[Received]"]

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        # not in __init__, which many subclasses never call
        mailbox = super().__new__(cls)
        mailbox.message_queue = {}
        mailbox._reading = threading.Lock()
        mailbox._expected = threading.local()  # each thread waits for its own peers
        return mailbox

    _reading: threading.Lock
    _expected: threading.local

    @contextmanager
    def expecting(
        self, missing: Missing, timeout: float | None = None, since: float | None = None
    ) -> Iterator[None]:
        """State what the waits inside are for; if nested, the outermost applies.

        Parameters
        ----------
        missing : callable
            Returns the uids that the node is waiting for, to detect lost ones and name
            them in messages.
        timeout : float, optional
            Seconds; ``peer_timeout`` if not given.
        since : float, optional
            The ``time.monotonic`` at which the wait began, if it is one wait for several
            messages.
        """
        outer = getattr(self._expected, "now", None)
        self._expected.now = outer or Expected(missing, timeout, since)
        try:
            yield
        finally:
            self._expected.now = outer

    def receive_channel(self, channel: str, block: bool = True) -> Received | None:
        """Return the next (sender uid, message) of ``channel``.

        Parameters
        ----------
        channel : str
        block : bool, default True
            If False, return None when nothing arrives within the transport's
            ``recv_timeout``.

        Raises
        ------
        PeerTimeout
            If a blocking wait reaches its limit.
        PeerLost
            If a missing peer's process has ended, or its machine is gone.
        """
        queue = self.message_queue.setdefault(channel, deque())
        missing, timeout, since = getattr(self._expected, "now", None) or NOTHING
        limit = self.peer_timeout if timeout is None else timeout
        with _Wait(self, channel, missing, limit, since) as wait:
            while not queue:
                if not self._read_one() and not queue:
                    if not block:
                        return None
                    self._check_alive(channel, missing)
                    wait.check()
        if block and since is None:
            self.note_wait(wait.since, queue[0][0])
        if channel != "CONNECT":
            self.greeting_s = 0.0
        return queue.popleft()

    def wait_for(
        self,
        channel: str,
        missing: Missing | None = None,
        timeout: float | None = None,
        since: float | None = None,
    ) -> Received:
        """Return the next (sender uid, message) of ``channel``, never None.

        Arguments as for :meth:`expecting`, errors as for :meth:`receive_channel`, which
        this calls.
        """
        if missing is None:
            received = self.receive_channel(channel)
        else:
            with self.expecting(missing, timeout, since):
                received = self.receive_channel(channel)
        if received is None:  # overridden in a subclass by one that does not block
            raise PeerTimeout(f"nothing received on {channel}")
        return received

    def note_wait(self, since: float, sender: int) -> None:
        """Record a wait that was ended by a message of ``sender``."""
        seconds = time.monotonic() - since
        self.waited += seconds
        self.longest = max(self.longest or (0.0, sender), (seconds, sender))

    def take_waits(self) -> dict[str, float]:
        """Return ``wait``, the seconds waited since the last call, and ``slowest``.

        ``slowest`` is the uid whose message ended the longest wait, if there was any.
        """
        waits: dict[str, float] = {"wait": round(self.waited, 6)}
        if self.longest:
            waits["slowest"] = self.longest[1]
        self.waited, self.longest = 0.0, None
        return waits

    def _check_alive(self, channel: str, missing: Missing | None) -> None:
        """Raise PeerLost if the transport has lost one of the missing peers."""
        lost = set(getattr(self.communication, "lost", ()))
        if lost and (gone := lost.intersection(missing() if missing else self.barrier)):
            raise PeerLost(gone, f"waiting on {channel}")

    def _read_one(self) -> bool:
        """Queue the next message; False if none arrived, or another thread is reading."""
        if not self._reading.acquire(timeout=SWITCH_S):
            return False
        try:
            received = self.communication.receive(block=False)
        finally:
            self._reading.release()
        if received is None:
            return False
        sender, message = received
        channel = message["CHANNEL"]
        if self.accepts(sender) and self._has_room(channel, sender):
            self.message_queue.setdefault(channel, deque()).append(received)
        else:
            self.communication.reject(f"uid {sender}: nobody reads {channel[:32]!r}")
        return True

    def accepts(self, uid: int) -> bool:
        """Return whether to accept messages of ``uid``; others are dropped."""
        return True

    def unexpected(self) -> dict[int, int]:
        """Return the peers whose models this node does not wait for, and their rounds."""
        return {}

    def _has_room(self, channel: str, sender: int) -> bool:
        """Return whether another message of a peer on a channel may be queued."""
        queues = self.message_queue
        if channel not in queues and channel not in CHANNELS:
            return len(queues) < CHANNEL_LIMIT
        if sum(map(len, queues.values())) < UNREAD_LIMIT:
            return True
        unread = [uid for queue in queues.values() for uid, _ in queue]
        return unread.count(sender) < UNREAD_LIMIT


class _Wait:
    """A context manager for a wait with a time limit, which warns once if it is long."""

    def __init__(
        self,
        mailbox: Mailbox,
        channel: str,
        missing: Missing | None,
        limit: float,
        since: float | None,
    ) -> None:
        self.mailbox, self.channel = mailbox, channel
        self.missing, self.limit = missing, limit
        self.since = time.monotonic() if since is None else since
        self.warned = False
        self.notice: Notice | None = None

    def __enter__(self) -> "_Wait":
        return self

    def __exit__(self, *exception: object) -> None:
        if self.notice:
            self.notice.end()

    def check(self) -> None:
        waited = time.monotonic() - self.since
        if waited >= self.limit:
            unexpected = self.mailbox.unexpected()
            hint = asymmetry(self.mailbox.uid, unexpected) if unexpected else ""
            raise PeerTimeout(f"{self} for {self.limit:g} s{hint}")
        if waited >= self.mailbox.warn_after and not self.warned:
            self.warned = True
            logging.getLogger(__name__).warning("%s for %.0f s now", self, waited)
            self.notice = give_notice(
                self.mailbox, self.channel, self._uids(), self.since
            )

    def _uids(self) -> set[int]:
        return set(self.missing()) if self.missing else set()

    def __str__(self) -> str:
        whom = name_peers(self.mailbox, self._uids()) or "any peer"
        return f"waiting on {self.channel} for {whom}"
