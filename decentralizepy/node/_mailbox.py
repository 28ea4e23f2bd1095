"""Messages waiting for their reader: one queue a channel, and waits that end."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from decentralizepy.errors import PeerLost, PeerTimeout
from decentralizepy.message import CHANNELS, Message

Received = tuple[int, Message]
Missing = Callable[[], Iterable[int]]

CHANNEL_LIMIT = 32  # channels, of which foreign nodes may have some of their own
SWITCH_S = 0.05  # how soon a second thread sees what the first one filed


class Mailbox:
    """The receiving end of a node; two threads may read two channels at once.

    Attributes
    ----------
    message_queue : dict
        Deques of (sender, message) by channel: what was read for another channel.
    peer_timeout : float
        Seconds that a wait for a message may take.
    warn_after : float
        Seconds after which a wait is logged, with the names of those waited for.
    """

    peer_timeout = 600.0
    warn_after = 10.0
    communication: Any
    barrier: set[int]
    message_queue: dict[str, "deque[Received]"]

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        # here and not in __init__, which many subclasses never call
        mailbox = super().__new__(cls)
        mailbox.message_queue = {}
        mailbox._reading = threading.Lock()
        return mailbox

    _reading: threading.Lock

    def receive_channel(
        self,
        channel: str,
        block: bool = True,
        missing: Missing | None = None,
        timeout: float | None = None,
        since: float | None = None,
    ) -> Received | None:
        """Return the next (sender uid, message) of ``channel``.

        Parameters
        ----------
        channel : str
        block : bool, default True
            If False, return None when nothing is there within the transport's
            ``recv_timeout``.
        missing : callable, optional
            Returns the uids that are waited for, for messages to the user.
        timeout : float, optional
            Seconds; ``peer_timeout`` if not given.
        since : float, optional
            The ``time.monotonic`` at which the wait began; now if not given.

        Raises
        ------
        PeerTimeout
            If a blocking wait reaches its limit.
        PeerLost
            If the process of one that is waited for has ended, or its machine is gone.
        """
        queue = self.message_queue.setdefault(channel, deque())
        limit = self.peer_timeout if timeout is None else timeout
        wait = _Wait(channel, missing, limit, since)
        while True:
            if queue:
                return queue.popleft()
            if not self._read_one() and not queue:
                if not block:
                    return None
                self._check_alive(channel, missing)
                wait.check(self.warn_after)

    def _check_alive(self, channel: str, missing: Missing | None) -> None:
        """Raise PeerLost if the transport has lost one of those who are waited for."""
        lost = set(getattr(self.communication, "lost", ()))
        if lost and (gone := lost.intersection(missing() if missing else self.barrier)):
            raise PeerLost(gone, f"waiting on {channel}")

    def _read_one(self) -> bool:
        """File the next message; False if none came, or another thread is reading."""
        if not self._reading.acquire(timeout=SWITCH_S):
            return False
        try:
            received = self.communication.receive(block=False)
        finally:
            self._reading.release()
        if received is None:
            return False
        channel = received[1]["CHANNEL"]
        if channel in self.message_queue or channel in CHANNELS or self._has_room():
            self.message_queue.setdefault(channel, deque()).append(received)
        return True

    def _has_room(self) -> bool:
        """Tell whether a channel that nobody has read yet may be kept for later."""
        return len(self.message_queue) < CHANNEL_LIMIT


class _Wait:
    """A wait that says once whom it waits for, and ends."""

    def __init__(
        self, channel: str, missing: Missing | None, limit: float, since: float | None
    ) -> None:
        self.channel, self.missing, self.limit = channel, missing, limit
        self.since = time.monotonic() if since is None else since
        self.warned = False

    def check(self, warn_after: float) -> None:
        waited = time.monotonic() - self.since
        if waited >= self.limit:
            raise PeerTimeout(f"{self} for {self.limit:g} s")
        if waited >= warn_after and not self.warned:
            self.warned = True
            logging.getLogger(__name__).warning("%s since %.0f s", self, waited)

    def __str__(self) -> str:
        uids = sorted(self.missing()) if self.missing else []
        whom = f"uid {', '.join(map(str, uids))}" if uids else "any peer"
        return f"waiting on {self.channel} for {whom}"
