"""Base class of all transports, with encoding and byte counters."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from decentralizepy.communication._frames import Encoded
from decentralizepy.communication._wire import decode, encode
from decentralizepy.errors import MessageError
from decentralizepy.mappings.Mapping import Mapping as ProcessMapping
from decentralizepy.message import Label, Message, label_of, payload_bytes

logger = logging.getLogger(__name__)

DRAIN_MS = 10_000  # how long terminate waits for the last messages to arrive
# descriptors of a context and a listening socket; of a socket to a peer, with its monitor,
# and two connections
ZEROMQ, PER_PEER = 7, 5
LOGGED = 20  # dropped messages that are each logged; later ones only sometimes


class Communication:
    """A node's end of the network.

    A transport implements how links are opened (``init_connection``) and how frames are
    sent (``deliver``) and received (``poll``). This class does the rest: it encodes and
    decodes messages, validates them and counts bytes.

    Parameters
    ----------
    rank, machine_id : int
        The node's rank and machine; services have negative ranks.
    mapping : Mapping
        Converts between a uid and a pair of rank and machine.
    total_procs : int
        Number of nodes in the whole network.
    recv_timeout : int, default 50
        Milliseconds after which ``receive(block=False)`` returns None.

    Attributes
    ----------
    total_bytes, total_meta, total_data : int
        Bytes sent since the start: in total, without ``params``, and of ``params`` alone.
        A message to several receivers counts once for each.
    total_control : int
        Overhead in bytes: sequence numbers, seals, acknowledgements, polls,
        retransmissions and ZeroMQ's framing, but not TCP, IP or anything below.
    rejected : int
        Number of messages that were dropped because they were invalid.
    lost : set of int
        Peers that were connected and can no longer be reached.
    note_sent : callable or None
        Called with the receiver, size and label of each message that is sent.
    """

    now: Callable[[], float] = staticmethod(time.monotonic)
    """Returns the time in seconds, which may be virtual."""
    note_sent: Callable[[int, int, Label | None], None] | None = None

    def __init__(
        self,
        rank: int,
        machine_id: int,
        mapping: ProcessMapping,
        total_procs: int,
        recv_timeout: int = 50,
    ) -> None:
        self.rank, self.machine_id = rank, machine_id
        self.mapping, self.total_procs = mapping, total_procs
        self.recv_timeout = recv_timeout
        self.uid = mapping.get_uid(rank, machine_id)
        self.total_bytes = self.total_meta = self.total_data = 0
        self.total_control = 0
        self.rejected = 0
        self.lost: set[int] = set()

    @classmethod
    def prepare(
        cls,
        options: dict[str, Any],
        mapping: ProcessMapping,
        machine_id: int,
        ranks: Iterable[int],
        scratch: Path,
    ) -> dict[str, Any]:
        """Check ``options`` before any process starts; return the nodes' options.

        Parameters
        ----------
        options
            The keys of ``[COMMUNICATION]`` other than package and class.
        mapping, machine_id, ranks
            The network, this machine, and the ranks that will run on it.
        scratch
            A temporary folder of this launch, removed when it ends.

        Raises
        ------
        AddressError
            If a machine has no address, or an address cannot be bound.
        """
        return options

    @classmethod
    def descriptors(cls, options: Mapping[str, Any], peers: int) -> int:
        """Return how many files and sockets the transport of a node opens.

        Parameters
        ----------
        options
            The keys of ``[COMMUNICATION]`` other than package and class.
        peers
            The largest number of peers that the node is connected to.

        Returns
        -------
        int
            By default, what ZeroMQ opens.
        """
        return ZEROMQ + PER_PEER * peers

    @classmethod
    def between_launchers(cls, options: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the options of a transport that connects the launchers of a run.

        Parameters
        ----------
        options
            What ``prepare`` returned.

        Returns
        -------
        dict or None
            None, the default, for a transport within one machine.
        """
        return None

    def init_connection(self, neighbor: int) -> None:
        """Open the outgoing link to ``neighbor``, which need not have started yet."""
        raise NotImplementedError

    def already_connected(self, neighbor: int) -> bool:
        """Return whether there is an outgoing link to ``neighbor``."""
        raise NotImplementedError

    def destroy_connection(self, neighbor: int, linger: int | None = None) -> None:
        """Close the link; unsent messages have ``linger`` milliseconds to leave."""
        raise NotImplementedError

    def deliver(self, neighbor: int, message: Encoded) -> None:
        """Send ``message`` to ``neighbor``: in order, and without loss while it lives."""
        raise NotImplementedError

    def poll(self, timeout: int) -> tuple[int, Sequence[Any]] | None:
        """Return (sender, frames), or None if none arrive in ``timeout`` milliseconds."""
        raise NotImplementedError

    def terminate(self, drain_ms: int = DRAIN_MS) -> None:
        """Wait up to ``drain_ms`` until peers have received everything; then close."""

    def encrypt(self, data: Mapping[str, Any]) -> Any:
        """Encode a message; the name is DecentralizePy's, nothing is encrypted.

        A subclass may return bytes, which the receiver's ``decrypt`` gets.
        """
        return Encoded(encode(data), payload_bytes(data.get("params")))

    def decrypt(self, sender: Any, data: Any) -> tuple[int, Message]:
        """Decode a message from ``sender``.

        If a subclass overrides ``encrypt``, ``data`` is bytes for a message of one frame,
        and ``sender.decode()`` returns the uid as text, as in DecentralizePy.
        """
        return int(sender), decode([data] if isinstance(data, bytes) else data)

    def send(self, uid: int, data: Any, encrypt: bool = True) -> None:
        """Send a message to ``uid``; if ``encrypt`` is False, it is already encoded."""
        encoded = _whole(self.encrypt(data), data) if encrypt else _whole(data, None)
        self.deliver(uid, encoded)
        self.total_bytes += encoded.size
        self.total_data += encoded.data
        self.total_meta += encoded.size - encoded.data
        if self.note_sent:
            self.note_sent(uid, encoded.size, encoded.label)

    def broadcast(self, uids: Iterable[int], data: Mapping[str, Any]) -> None:
        """Send a message to each of ``uids``, encoding it once.

        If a subclass overrides ``send``, that is called with the message for each uid.
        """
        if type(self).send is not Communication.send:
            for uid in uids:
                self.send(uid, data)
            return
        encoded = _whole(self.encrypt(data), data)
        for uid in uids:
            self.send(uid, encoded, encrypt=False)

    def receive(self, block: bool = True) -> tuple[int, Message] | None:
        """Return the next (sender uid, message).

        Invalid messages are logged, counted in ``rejected`` and dropped. If ``block`` is
        False, return None when none arrives within ``recv_timeout`` milliseconds.
        """
        deadline = self.now() + self.recv_timeout / 1000
        while True:
            received = self.poll(self.recv_timeout)
            if received is not None:
                sender, frames = received
                try:
                    return self._opened(sender, frames)
                except MessageError as error:
                    self.reject(f"uid {sender}: {error}")
            if not block and self.now() >= deadline:
                return None

    def _opened(self, sender: int, frames: Sequence[Any]) -> tuple[int, Message]:
        if type(self).encrypt is Communication.encrypt:
            return self.decrypt(sender, frames)
        whole = bytes(frames[0]) if len(frames) == 1 else frames
        return self.decrypt(_Identity(sender), whole)

    def reject(self, reason: str) -> None:
        """Count an invalid message; log the first ones, then fewer and fewer."""
        self.rejected += 1
        # a flood must not fill the disk: log the first 20, then the 32nd, 64th, 128th ...
        if self.rejected <= LOGGED or self.rejected.bit_count() == 1:
            logger.warning(
                "dropped what came from %s (%d so far)", reason, self.rejected
            )


class _Identity(int):
    """A uid that can be decoded like the ZeroMQ identity that it is in DecentralizePy."""

    def decode(self) -> str:
        return str(int(self))


def _whole(encoded: Any, data: Any) -> Encoded:
    """Return the result of ``encrypt`` as a message; subclasses may return bytes.

    ``data`` is what was encoded; None if that is no longer known.
    """
    whole = Encoded([encoded]) if isinstance(encoded, bytes) else encoded
    if data is not None:
        whole.label = label_of(data)
    return whole
