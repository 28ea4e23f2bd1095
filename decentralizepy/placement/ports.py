"""Ports for the nodes of a machine, held until they listen there."""

import errno
import os
import random
import resource
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from decentralizepy.errors import AddressError
from decentralizepy.mappings.addresses import family, not_here
from decentralizepy.runs.preflight import raise_limit

LOWEST, HIGHEST = 10_000, 32_000  # Linux gives connections those from 32,768 on
TRIES = 1_000


@contextmanager
def held(
    host: str, ports: Callable[[int], Sequence[int]], wished: int | None = None
) -> Iterator[int]:
    """Yield an offset at which all ports are free and remain so for this run.

    The sockets that hold them are bound but do not listen, so that nodes can listen at
    the same ports, and nobody is heard there before. Forked processes close them.

    Parameters
    ----------
    host
        The address of this machine.
    ports
        Returns the ports for an offset.
    wished
        The offset to try first.

    Raises
    ------
    AddressError
        If no offset has as many free ports, or they cannot be held.
    """
    raise_limit(resource.RLIMIT_NOFILE)
    draw = random.SystemRandom()  # several launchers on one host must not draw the same
    drawn = (draw.randrange(LOWEST, HIGHEST) for _ in range(TRIES))
    for offset in drawn if wished is None else (wished, *drawn):
        with ExitStack() as sockets:
            try:
                for port in ports(offset):
                    sockets.enter_context(_hold(host, port))
            except OSError as error:
                _check_taken(error, host)
                continue
            os.register_at_fork(after_in_child=sockets.close)
            yield offset
            return
    raise AddressError(f"{host} does not have enough free ports for this run")


def _check_taken(error: OSError, host: str) -> None:
    """Raise an AddressError if other ports would not do either."""
    if error.errno == errno.EADDRNOTAVAIL:
        raise not_here(host) from None
    if error.errno != errno.EADDRINUSE:
        cause = f"the ports of a run cannot be held: {error.strerror}"
        raise AddressError(cause) from None


def _hold(host: str, port: int) -> socket.socket:
    holder = socket.socket(family(host))
    try:
        holder.bind((host, port))
        # only now: what sets it, as ZeroMQ does, may bind too; other launchers may not
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    except OSError:
        holder.close()
        raise
    return holder
