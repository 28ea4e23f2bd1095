"""Where the launcher of machine 0 announces the address at which the others meet it."""

import errno
import socket
from collections.abc import Sequence
from typing import Protocol

from decentralizepy.errors import AddressError
from decentralizepy.mappings.addresses import family, is_loopback

Address = tuple[str, int]


class Board(Protocol):
    """A way to find machine 0."""

    def listen(self) -> socket.socket:
        """Return the socket of machine 0, after announcing its address.

        Raises
        ------
        AddressError
            If it cannot listen there.
        """

    def find(self) -> Sequence[Address]:
        """Return the addresses at which machine 0 may be met; none if still unknown.

        Raises
        ------
        AddressError
            If they will never be known.
        """


class Fixed:
    """``HOST:PORT``, which all machines have been told.

    Parameters
    ----------
    host : str
        A name or address of machine 0.
    port : int
        A port that is free there.
    """

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    def find(self) -> list[Address]:
        return [(self._resolved(), self.port)]

    def listen(self) -> socket.socket:
        try:
            return self._bound()
        except OSError as error:
            cause = f"this machine cannot listen there: {error.strerror}"
            key = "--rendezvous"
            raise AddressError(cause, key=key, value=str(self)) from None

    def try_listen(self) -> socket.socket | None:
        """Return the socket of machine 0, or None if that is another launcher."""
        try:
            return self._bound()
        except OSError as error:
            if error.errno in (errno.EADDRNOTAVAIL, errno.EADDRINUSE):
                return None
            raise

    def _bound(self) -> socket.socket:
        found = self._resolved()
        named = self.host not in ("localhost", found)
        # Debian gives a machine's own name 127.0.1.1, where no other machine reaches it
        anywhere = named and is_loopback(found)
        host = "" if anywhere else found
        return socket.create_server((host, self.port), family=family(found))

    def _resolved(self) -> str:
        bare = self.host.removeprefix("[").removesuffix("]")
        try:
            found = socket.getaddrinfo(bare, self.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            cause = f"the name {self.host!r} does not resolve on {socket.gethostname()}"
            raise AddressError(cause, key="--rendezvous", value=str(self)) from None
        found.sort(key=lambda each: each[0] != socket.AF_INET)
        return str(found[0][4][0])
