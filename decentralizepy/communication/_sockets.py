"""Socket options shared by all sockets of a node."""

from typing import Any

import zmq

from decentralizepy.communication.Communication import DRAIN_MS
from decentralizepy.errors import AddressError

RECONNECT_MS = 20  # peers of one launch bind within a few of these
CONNECT_MS = 1_500  # for each attempt; TCP repeats a lost request after 1000
BACKLOG = 64  # messages of one peer that may wait in memory; then it has to
ANSWERS = 1_000  # acknowledgements that may wait for one peer; then they are dropped
SPARE_BYTES = 64  # that encryption may add to a frame
_PROBES = 5  # in the time after which a silent machine counts as gone


def allow(socket: "zmq.Socket[bytes]", address: str) -> str:
    """Set a socket to the version of IP that ``address`` needs; return ``address``."""
    socket.ipv6 = "[" in address  # always on, it needs a machine that has version 6
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
        Bytes of the largest frame that is taken; 0: any.
    heartbeat_timeout : float
        Seconds after which a machine that does not answer counts as gone; 0: when TCP
        gives up, after minutes. The kernels are asked (keep-alive, RFC 1122 4.2.3.6, and
        the user timeout of RFC 5482) and not ZeroMQ's heartbeats, which wait behind
        models: a process that hangs, or a slow link, breaks no connection.
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
        socket.sndhwm = ANSWERS  # a stranger may ask and never read
        socket.router_handover = True  # who connects anew is heard at once
    if heartbeat_timeout:
        socket.tcp_keepalive, socket.tcp_keepalive_cnt = 1, _PROBES
        interval = max(1, int(heartbeat_timeout / _PROBES))
        socket.tcp_keepalive_idle = socket.tcp_keepalive_intvl = interval
        socket.tcp_maxrt = int(1000 * heartbeat_timeout)
    return socket


def received(socket: "zmq.Socket[bytes]") -> "list[zmq.Frame] | None":
    """Return the parts of a message that is there; None if there is none."""
    try:
        return socket.recv_multipart(zmq.NOBLOCK, copy=False)
    except zmq.Again:
        return None


def listen(socket: "zmq.Socket[bytes]", address: str, uid: int) -> None:
    """Bind a socket.

    Raises
    ------
    AddressError
        If somebody else has the address, though the launcher found it free.
    """
    try:
        socket.bind(allow(socket, address))
    except zmq.ZMQError as error:
        raise AddressError(
            f"[COMMUNICATION] uid {uid} cannot listen at {address}: {error.strerror}; "
            "another run may be starting: set another offset"
        ) from None
