"""Options shared by all sockets of a node."""

from collections.abc import Sequence
from typing import Any

import zmq

from decentralizepy.communication.Communication import DRAIN_MS
from decentralizepy.errors import AddressError

RECONNECT_MS = 20  # first retry; peers of one launch bind within a few of these
CONNECT_MS = 1_500  # per attempt; TCP resends a lost SYN after 1000
BACKLOG = 16  # messages from one peer held in memory before it has to wait
ANSWERS = 1_000  # acknowledgements queued for one peer before they are dropped
SPARE_BYTES = 64  # room for what encryption adds to a frame
_NOBLOCK, _SNDMORE = int(zmq.NOBLOCK), int(zmq.SNDMORE)  # enums are slow to convert
_EVENTS, _POLLIN = int(zmq.EVENTS), int(zmq.POLLIN)
_PROBES = 5  # keep-alive probes within heartbeat_timeout


def allow(socket: "zmq.Socket[bytes]", address: str) -> str:
    """Set the IP version of a socket to that of ``address``; return ``address``."""
    socket.ipv6 = "[" in address  # setting it always would fail on hosts without IPv6
    return address


def open_socket(
    context: "zmq.Context[Any]",
    kind: int,
    identity: bytes,
    max_message: int,
    heartbeat_timeout: float,
) -> "zmq.Socket[bytes]":
    """Return a socket that is neither bound nor connected.

    Parameters
    ----------
    context : zmq.Context
    kind : int
        ``zmq.ROUTER`` to receive, ``zmq.DEALER`` to send.
    identity : bytes
    max_message : int
        Largest frame that is accepted, in bytes; 0 means no limit.
    heartbeat_timeout : float
        Seconds after which an unresponsive machine counts as lost; 0 means when TCP
        gives up, after minutes. This uses TCP keep-alive (RFC 1122, 4.2.3.6) and the
        user timeout (RFC 5482), which the kernels answer, rather than ZeroMQ's
        heartbeats, which queue behind models: neither a hanging process nor a slow link
        breaks a connection.
    """
    socket: zmq.Socket[bytes] = context.socket(kind)
    socket.identity = identity
    socket.linger = DRAIN_MS
    socket.reconnect_ivl = RECONNECT_MS
    socket.reconnect_ivl_max = 50 * RECONNECT_MS
    socket.connect_timeout = CONNECT_MS
    socket.rcvhwm, socket.sndhwm = BACKLOG, 0
    socket.maxmsgsize = max_message + SPARE_BYTES if max_message else -1
    if kind == zmq.ROUTER:
        socket.sndhwm = ANSWERS  # a stranger may send requests and never read
        socket.router_handover = True  # a peer that reconnects is heard at once
    if heartbeat_timeout:
        socket.tcp_keepalive, socket.tcp_keepalive_cnt = 1, _PROBES
        interval = max(1, int(heartbeat_timeout / _PROBES))
        socket.tcp_keepalive_idle = socket.tcp_keepalive_intvl = interval
        socket.tcp_maxrt = int(1000 * heartbeat_timeout)
    return socket


def wait(sockets: "list[zmq.Socket[bytes]]", seconds: float) -> list[Any]:
    """Wait until a message arrives, and return the sockets that have one."""
    # zmq.select builds a poller each time
    came = zmq.zmq_poll([(socket, _POLLIN) for socket in sockets], int(1000 * seconds))
    return [socket for socket, _ in came]


def received(socket: "zmq.Socket[bytes]") -> "list[zmq.Frame] | None":
    """Return the parts of the next message, or None if none has arrived."""
    # raising zmq.Again takes longer than asking first
    return polled(socket) if int(socket.getsockopt(_EVENTS)) & _POLLIN else None


def polled(socket: "zmq.Socket[bytes]") -> "list[zmq.Frame] | None":
    """Do the same as :func:`received`, faster, for a socket that is known to be readable."""
    try:
        parts = [socket.recv(_NOBLOCK, copy=False)]
    except zmq.Again:
        return None
    while parts[-1].more:  # faster than recv_multipart, which asks the socket each time
        parts.append(socket.recv(copy=False))
    return parts


def send(socket: "zmq.Socket[bytes]", parts: Sequence[Any]) -> None:
    """Send the parts of a message, the large ones without copying them."""
    for part in parts[:-1]:
        socket.send(part, _SNDMORE, copy=False)
    socket.send(parts[-1], copy=False)


def listen(socket: "zmq.Socket[bytes]", address: str, uid: int) -> None:
    """Bind a socket.

    Raises
    ------
    AddressError
        If the address has been taken since the launcher found it free.
    """
    try:
        socket.bind(allow(socket, address))
    except zmq.ZMQError as error:
        raise AddressError(
            f"[COMMUNICATION] uid {uid} cannot listen at {address}: {error.strerror}; "
            "another run may be starting: choose another offset"
        ) from None
