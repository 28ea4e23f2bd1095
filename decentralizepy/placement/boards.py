"""Where the launcher of machine 0 announces the address at which the others meet it."""

import errno
import json
import os
import socket
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from decentralizepy.errors import AddressError
from decentralizepy.files import shared_text, write_atomic
from decentralizepy.mappings.addresses import family, is_loopback

STORE_S = 5.0  # for torchrun's store to answer
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

    def clear(self) -> None:
        """Remove the announcement: all have met, or never will."""


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
        return [(host, self.port) for host in self._resolved()]

    def listen(self) -> socket.socket:
        try:
            return self._bound()
        except OSError as error:
            told = os.strerror(error.errno) if error.errno else str(error)
            cause = f"this machine cannot listen there: {told}"
            key = "--rendezvous"
            raise AddressError(cause, key=key, value=str(self)) from None

    def clear(self) -> None:
        """Do nothing: the address is the user's."""

    def try_listen(self) -> socket.socket | None:
        """Return the socket of machine 0, or None if that is another launcher."""
        try:
            return self._bound()
        except OSError as error:
            if error.errno in (errno.EADDRNOTAVAIL, errno.EADDRINUSE):
                return None
            raise

    def _bound(self) -> socket.socket:
        hosts, failed = self._resolved(), OSError()
        for found in hosts:
            place = found, self.port
            try:
                server = socket.create_server(place, family=family(found))
            except OSError as error:
                if error.errno != errno.EADDRNOTAVAIL:
                    raise
                failed = error
                continue
            named = self._bare not in ("localhost", found)
            if not named or (len(hosts) == 1 and not is_loopback(found)):
                return server
            # others may reach the name at another address: that of a second interface, or
            # any but the 127.0.1.1 that Debian gives a machine's own name
            server.close()
            return everywhere(self.port)
        raise failed

    @property
    def _bare(self) -> str:
        return self.host.removeprefix("[").removesuffix("]")

    def _resolved(self) -> list[str]:
        """Return the addresses of the host, IPv4 first."""
        try:
            found = socket.getaddrinfo(self._bare, self.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            cause = f"the name {self.host!r} does not resolve on {socket.gethostname()}"
            raise AddressError(cause, key="--rendezvous", value=str(self)) from None
        found.sort(key=lambda each: each[0] != socket.AF_INET)
        return list(dict.fromkeys(str(each[4][0]) for each in found))


class Store:
    """torchrun's own key-value store, whose port is ``MASTER_PORT``.

    Parameters
    ----------
    host, port
        Where the store is, on the host of machine 0.
    run
        Identifies the run, also after torchrun has restarted it.
    """

    def __init__(self, host: str, port: int, run: str) -> None:
        self.host, self.port, self._key = host, port, f"decentralizepy/{run}"

    def __str__(self) -> str:
        return f"{self.host} (torchrun's store)"

    def listen(self) -> socket.socket:
        server = Fixed(self.host, 0).listen()
        self._open().set(self._key, str(server.getsockname()[1]))
        return server

    def find(self) -> list[Address]:
        try:
            store = self._open()
            known = store.check([self._key])
            port = int(store.get(self._key)) if known else 0
        except (RuntimeError, ValueError):  # it is not there yet, or not any more
            return []
        return [(self.host, port)] if known else []

    def clear(self) -> None:
        """Do nothing: a restarted run has another key."""

    def _open(self) -> Any:
        from torch.distributed import TCPStore  # type: ignore[attr-defined]

        wait = timedelta(seconds=STORE_S)
        return TCPStore(self.host, self.port, is_master=False, timeout=wait)


class Folder:
    """A file in a folder that all machines share.

    Parameters
    ----------
    run : str
        Identifies the run.
    folder : Path, optional
        By default the current one.
    """

    def __init__(self, run: str, folder: Path | None = None) -> None:
        name = "".join(c if c.isalnum() else "-" for c in run)
        self._path = (folder or Path.cwd()) / f".rendezvous-{name}.json"

    def __str__(self) -> str:
        return str(self._path)

    def listen(self) -> socket.socket:
        server = socket.create_server(("", 0))
        port = server.getsockname()[1]
        try:
            self.write(json.dumps([[each, port] for each in own_hosts()]))
        except OSError as error:
            server.close()
            raise AddressError(f"{self._path}: {error.strerror}") from None
        return server

    def find(self) -> list[Address]:
        try:
            found = json.loads(self.text())
        except ValueError:
            return []
        return [(str(host), int(port)) for host, port in found]

    def text(self) -> str:
        """Return the content of the file; empty if it is not there."""
        return shared_text(self._path)

    def write(self, text: str) -> None:
        """Write the file."""
        write_atomic(self._path, text)

    def clear(self) -> None:
        """Remove the file."""
        self._path.unlink(missing_ok=True)


def everywhere(port: int) -> socket.socket:
    """Return a socket that listens at all addresses of this machine."""
    if socket.has_dualstack_ipv6():
        place = ("", port)
        return socket.create_server(place, family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))


def own_hosts() -> list[str]:
    """Return this machine's IPv4 addresses, without loopback if there are others."""
    import psutil

    found = [
        each.address
        for interface in psutil.net_if_addrs().values()
        for each in interface
        if each.family == socket.AF_INET
    ]
    return [each for each in found if not is_loopback(each)] or ["127.0.0.1"]
