"""Base class of all transports, which counts bytes."""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from decentralizepy.communication._frames import Encoded
from decentralizepy.communication._wire import decode, encode
from decentralizepy.errors import MessageError
from decentralizepy.mappings.Mapping import Mapping as ProcessMapping
from decentralizepy.message import Message, payload_bytes

logger = logging.getLogger(__name__)

DRAIN_MS = 10_000  # what was sent last may take this long to arrive at the end
LOGGED = 20  # messages that are dropped before only some of them are logged


class Communication:
    """A node's end of the network.

    A transport states how a link is opened (``init_connection``), how frames leave
    (``deliver``) and how they come in (``poll``). Encoding, counting and the check of
    what arrives are written here, once.

    Parameters
    ----------
    rank, machine_id : int
        The node's place; a service has a negative rank.
    mapping : Mapping
        Tells the uid of a place, and back.
    total_procs : int
        Number of nodes of the whole network.
    recv_timeout : int, default 50
        Milliseconds that ``receive(block=False)`` waits at most.

    Attributes
    ----------
    total_bytes, total_meta, total_data : int
        Bytes sent since the start: all, without ``params``, and of ``params`` alone.
        What goes to several receivers counts once for each.
    total_control : int
        Bytes sent besides: numbers and seals of messages, acknowledgements, questions,
        what is sent again, and ZeroMQ's own; not those of TCP, IP and below.
    rejected : int
        Messages that did not parse, and were dropped.
    lost : set of int
        Peers that were connected and that nobody can reach any more.
    """

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
        """Check ``options`` before any process starts; return those for the nodes.

        Parameters
        ----------
        options
            The keys of ``[COMMUNICATION]`` besides the class's name.
        mapping, machine_id, ranks
            The network, and the ranks that will run on this machine.
        scratch
            A folder of this launch alone, removed at its end.

        Raises
        ------
        AddressError
            If a machine has no address, or an address cannot be bound.
        """
        return options

    def init_connection(self, neighbor: int) -> None:
        """Open the outgoing link to ``neighbor``; it need not have started yet."""
        raise NotImplementedError

    def already_connected(self, neighbor: int) -> bool:
        """Return whether there is an outgoing link to ``neighbor``."""
        raise NotImplementedError

    def destroy_connection(self, neighbor: int, linger: int | None = None) -> None:
        """Close the link; ``linger`` is how many milliseconds unsent messages have."""
        raise NotImplementedError

    def deliver(self, neighbor: int, message: Encoded) -> None:
        """Send ``message`` to ``neighbor``, in order and without loss on a living link."""
        raise NotImplementedError

    def poll(self, timeout: int) -> tuple[int, Sequence[Any]] | None:
        """Return (sender, frames), or None if none come in ``timeout`` milliseconds."""
        raise NotImplementedError

    def terminate(self, drain_ms: int = DRAIN_MS) -> None:
        """Wait until peers have all that was sent, ``drain_ms`` at most; then close."""

    def encrypt(self, data: Mapping[str, Any]) -> Encoded:
        """Encode a message; the name is upstream's, nothing is enciphered."""
        return Encoded(encode(data), payload_bytes(data.get("params")))

    def decrypt(self, sender: int, data: Sequence[Any]) -> tuple[int, Message]:
        """Decode what ``sender`` sent."""
        return sender, decode(data)

    def send(self, uid: int, data: Any, encrypt: bool = True) -> None:
        """Send a message to ``uid``; with ``encrypt`` False it is encoded already."""
        encoded: Encoded = self.encrypt(data) if encrypt else data
        self.deliver(uid, encoded)
        self.total_bytes += encoded.size
        self.total_data += encoded.data
        self.total_meta += encoded.size - encoded.data

    def broadcast(self, uids: Iterable[int], data: Mapping[str, Any]) -> None:
        """Send a message to each of ``uids``; it is encoded once.

        A subclass with a ``send`` of its own is given the message for each of them.
        """
        if type(self).send is not Communication.send:
            for uid in uids:
                self.send(uid, data)
            return
        encoded = self.encrypt(data)
        for uid in uids:
            self.send(uid, encoded, encrypt=False)

    def receive(self, block: bool = True) -> tuple[int, Message] | None:
        """Return the next (sender uid, message).

        What is no message is logged, counted in ``rejected`` and dropped. With
        ``block`` False, None is returned if none comes within ``recv_timeout`` ms.
        """
        deadline = time.monotonic() + self.recv_timeout / 1000
        while True:
            received = self.poll(self.recv_timeout)
            if received is not None:
                sender, frames = received
                try:
                    return self.decrypt(sender, frames)
                except MessageError as error:
                    self.reject(f"uid {sender}: {error}")
            if not block and time.monotonic() >= deadline:
                return None

    def reject(self, reason: str) -> None:
        """Count something that came in and is no message; log the first, then few."""
        self.rejected += 1
        # a flood is not to fill the disk: 20, then at 32, 64, 128 ...
        if self.rejected <= LOGGED or self.rejected.bit_count() == 1:
            logger.warning(
                "dropped what came from %s (%d so far)", reason, self.rejected
            )
