"""What launchers say to each other before their nodes have addresses."""

import socket
from contextlib import suppress
from typing import Annotated, Literal

from pydantic import BaseModel, Field, TypeAdapter

from decentralizepy.errors import (
    ConfigError,
    DecentralizepyError,
    PeerError,
    first_line,
    printable,
)
from decentralizepy.placement.ways import Way

MOST = 1 << 20  # bytes of a message
SEND_S = 10.0  # for a message of a few kilobytes
LEAVE_S = 1.0  # for the other ends to read the last one


class Join(BaseModel):
    """A launcher has come.

    Attributes
    ----------
    run : str
        Identifies the run; launchers of another one are sent away.
    machine : int or None
        Its number, or None to be given one.
    machines : int
        How many machines it was told of.
    host : str
        Its host name, for messages.
    """

    kind: Literal["join"] = "join"
    run: str
    machine: Annotated[int, Field(ge=0)] | None
    machines: int
    host: Annotated[str, Field(max_length=100)]


class Welcome(BaseModel):
    """The number of a machine, and the folders of the run as machine 0 names them."""

    kind: Literal["welcome"] = "welcome"
    machine: int
    log_dir: str
    weights_store_dir: str


class Ready(BaseModel):
    """Where the nodes of a machine will listen, and what it is about to run.

    Attributes
    ----------
    address : str
        ``HOST:OFFSET``, as in an address file.
    facts : dict
        Values that must be the same on all machines, by names that users know.
    """

    kind: Literal["ready"] = "ready"
    address: str
    facts: dict[str, str]


class Go(BaseModel):
    """All machines are ready; their addresses, by number."""

    kind: Literal["go"] = "go"
    addresses: dict[str, str]


class Turn(BaseModel):
    """It is this launcher's turn to measure its ways to the others."""

    kind: Literal["turn"] = "turn"


class Report(BaseModel):
    """The ways from a machine to all others."""

    kind: Literal["report"] = "report"
    ways: list[Way]


class Done(BaseModel):
    """All ways are measured; what would keep a run from working."""

    kind: Literal["done"] = "done"
    problems: list[str]


class End(BaseModel):
    """A launcher has failed, and all others must end."""

    kind: Literal["end"] = "end"
    status: int
    cause: str

    @classmethod
    def of(cls, error: BaseException, where: str = "") -> "End":
        """Return the message about an error on this machine."""
        cause = where + first_line(error)
        return cls(status=getattr(error, "exit_status", 1), cause=cause)

    def error(self) -> DecentralizepyError:
        """Return the error with which another machine ends because of this one."""
        text = printable(self.cause)
        is_users = self.status == ConfigError.exit_status
        return ConfigError(text) if is_users else PeerError(text)


Message = Join | Welcome | Ready | Go | Turn | Report | Done | End
_PARSER: TypeAdapter[Message] = TypeAdapter(
    Annotated[Message, Field(discriminator="kind")]
)


class Line:
    """A connection that carries one message per line, as JSON."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(SEND_S)
        self.socket, self._rest = connection, b""

    def fileno(self) -> int:
        """Return the descriptor, so that a line can be waited for."""
        return self.socket.fileno()

    @property
    def own_host(self) -> str:
        """This machine's address on the route to the other one."""
        host = str(self.socket.getsockname()[0])
        return host.removeprefix("::ffff:")  # IPv4, at a socket for both

    def send(self, message: Message) -> None:
        """Send a message; a lost connection is noticed by the next :meth:`read`."""
        with suppress(OSError):
            self.socket.sendall(message.model_dump_json().encode() + b"\n")

    def read(self) -> list[Message]:
        """Return the messages that have arrived, after waiting for at least a part of one.

        Raises
        ------
        EOFError
            If the other end has closed the connection, or, as its text says, is no launcher.
        """
        try:
            came = self.socket.recv(1 << 16)
        except OSError:
            came = b""
        *lines, self._rest = (self._rest + came).split(b"\n")
        if not came:
            raise EOFError
        try:
            if len(self._rest) > MOST:
                raise ValueError
            return [_PARSER.validate_json(line) for line in lines]
        except ValueError:  # also of pydantic
            raise EOFError("what answers there is no launcher") from None

    def finish(self) -> None:
        """Send nothing more."""
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def close(self, patience: float) -> None:
        """Close the connection; the other end has ``patience`` seconds to do so first.

        Bytes that were not read would reset it, and the last message would be lost.
        """
        with suppress(OSError):
            self.socket.settimeout(max(0.01, patience))
            while self.socket.recv(1 << 16):
                pass
        self.socket.close()
