"""Measures how this machine reaches another: round trip, bandwidth, and its clock."""

import socket
import socketserver
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import BaseModel

from decentralizepy.mappings.addresses import family

PINGS = 20
FIRST, MOST = 1 << 13, 1 << 26  # bytes sent at once
ENOUGH_S = 0.2  # how long the last sending takes at least
PATIENCE_S = 5.0  # for a connection, and for each answer
_CHUNK = 1 << 18
_LENGTH, _TIME = struct.Struct("!Q"), struct.Struct("!d")


class Way(BaseModel):
    """The way from one machine to another.

    Attributes
    ----------
    to : int
        The other machine.
    address : str
        Where it should answer.
    failure : str
        Why it cannot be reached; empty if it can.
    round_trip : float
        Seconds, the shortest of 20.
    rate : float
        Bytes per second.
    ahead : float
        Seconds by which its clock is ahead, give or take half of the round trip.
    """

    to: int
    address: str
    failure: str = ""
    round_trip: float = 0.0
    rate: float = 0.0
    ahead: float = 0.0


class _Answer(socketserver.StreamRequestHandler):
    """Reads as many bytes as are announced, and answers with the time."""

    disable_nagle_algorithm = True

    def handle(self) -> None:
        while len(head := self.rfile.read(_LENGTH.size)) == _LENGTH.size:
            left = _LENGTH.unpack(head)[0]
            while left:
                came = self.rfile.read(min(left, _CHUNK))
                if not came:
                    return
                left -= len(came)
            self.wfile.write(_TIME.pack(time.time()))


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True  # the port is held for the nodes
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: the other end does."""


@contextmanager
def answering(host: str, port: int) -> Iterator[None]:
    """Answer other machines at an address of this one."""
    kind = type("_Server", (_Server,), {"address_family": family(host)})
    with kind((host, port), _Answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.05], daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()


def connect(address: str) -> socket.socket:
    """Return a connection to ``HOST:PORT``."""
    host, _, port = address.rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), PATIENCE_S)


def reason(error: OSError) -> str:
    """Return why a machine cannot be reached."""
    return error.strerror or str(error) or type(error).__name__


def measure(to: int, address: str) -> Way:
    """Return the way to a machine that answers at ``HOST:PORT``."""
    way = Way(to=to, address=address)
    try:
        with connect(address) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection.makefile("rwb") as stream:
                _ping(stream, way)
                way.rate = _rate(stream)
    except OSError as error:
        way.failure = reason(error)
    return way


def _ping(stream: Any, way: Way) -> None:
    """Measure the round trip, and the clock in the shortest one."""
    way.round_trip = float("inf")
    for _ in range(PINGS):
        clock, start = time.time(), time.perf_counter()
        there = _ask(stream, b"")
        taken = time.perf_counter() - start
        if taken < way.round_trip:
            way.round_trip, way.ahead = taken, there - clock - taken / 2


def _rate(stream: Any) -> float:
    """Return the bytes per second of a sending that is long enough."""
    count = FIRST
    while True:
        start = time.perf_counter()
        _ask(stream, bytes(count))
        taken = time.perf_counter() - start
        if taken >= ENOUGH_S or count >= MOST:
            return count / taken
        count *= 4


def _ask(stream: Any, content: bytes) -> float:
    """Send bytes; return what the clock of the other machine says then."""
    stream.write(_LENGTH.pack(len(content)) + content)
    stream.flush()
    answer = stream.read(_TIME.size)
    if len(answer) < _TIME.size:
        raise ConnectionResetError("the connection was closed")
    return float(_TIME.unpack(answer)[0])
