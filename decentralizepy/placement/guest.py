"""The launcher of a machine other than 0, while launchers find each other."""

import errno
import math
import select
import socket
import time
from collections import deque
from typing import TypeVar

from decentralizepy.errors import PeerError, PeerTimeout
from decentralizepy.placement.boards import Address, Board
from decentralizepy.placement.messages import (
    LEAVE_S,
    Done,
    End,
    Go,
    Join,
    Line,
    Message,
    Ready,
    Report,
    Turn,
    Welcome,
)
from decentralizepy.placement.place import Place, Plan, host_name
from decentralizepy.placement.waiting import AGAIN_S, Waiting
from decentralizepy.placement.ways import Way

M = TypeVar("M", bound=Message)
CONNECT_S, PAUSE_S = 3.0, 0.2


class Guest:
    """Connects to machine 0, which may not have started yet; a context manager.

    Parameters
    ----------
    place, plan

    Attributes
    ----------
    machine : int
    log_dir, weights_store_dir : str
        As machine 0 names them.

    Raises
    ------
    DecentralizepyError
        If machine 0 is not found, or ends this launcher.
    """

    def __init__(self, place: Place, plan: Plan) -> None:
        self.limit = plan.limit
        self.line = connect(place.board, plan.limit)
        self._came: deque[Message] = deque()
        self._told = False  # whether machine 0 knows that this launcher ends
        join = Join(
            run=place.run,
            machine=place.machine,
            machines=place.machines,
            host=host_name(),
        )
        self.line.send(join)
        try:
            welcome = self._await(Welcome)
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        self.machine, self.log_dir = welcome.machine, welcome.log_dir
        self.weights_store_dir = welcome.weights_store_dir

    @property
    def host(self) -> str:
        """The address at which nodes of this machine are reached."""
        return self.line.own_host

    def meet(self, address: str, facts: dict[str, str]) -> dict[str, str]:
        """Wait until all machines are ready; return their addresses.

        Parameters
        ----------
        address, facts
            As for :class:`~decentralizepy.placement.messages.Ready`.
        """
        self.line.send(Ready(address=address, facts=facts))
        return self._await(Go).addresses

    def await_turn(self, machines: int) -> None:
        """Wait until this machine is to measure, after some of the ``machines``."""
        self._await(Turn, machines * self.limit)

    def report(self, ways: list[Way], machines: int) -> list[str]:
        """Send the ways to the other machines; return what is wrong anywhere."""
        self.line.send(Report(ways=ways))
        return self._await(Done, machines * self.limit).problems

    def _await(self, kind: type[M], limit: float = 0.0) -> M:
        """Return the next message, of the ``kind`` that is due."""
        deadline = time.monotonic() + (limit or self.limit)
        while not self._came:
            left = max(0.0, deadline - time.monotonic())
            if not select.select([self.line], [], [], left)[0]:
                raise PeerTimeout(f"machine 0 has said nothing for {self.limit:g} s")
            try:
                self._came.extend(self.line.read())
            except EOFError as error:
                self._told = True
                cause = "its launcher has died, or cannot be reached any more"
                raise PeerError(f"machine 0: {str(error) or cause}") from None
        message = self._came.popleft()
        if isinstance(message, kind):
            return message
        self._told = True
        if isinstance(message, End):
            raise message.error()
        raise PeerError(f"machine 0 said {message.kind} out of turn")

    def __enter__(self) -> "Guest":
        return self

    def __exit__(
        self, kind: object, error: BaseException | None, trace: object
    ) -> None:
        if error is not None and not self._told:
            self.line.send(End.of(error))
        self.line.finish()
        self.line.close(LEAVE_S)


def connect(board: Board, limit: float) -> Line:
    """Return a connection to machine 0, which may come late.

    Raises
    ------
    PeerTimeout
        If nobody answers within ``limit`` seconds.
    """
    cause = "no address of machine 0 is known"
    # at first, the launchers of many machines would all say it
    with Waiting(math.inf, first=AGAIN_S) as waiting:
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            for address in board.find():
                try:
                    return Line(_dial(address))
                except OSError as error:
                    cause = error.strerror or "no answer"
            waiting.show(f"waiting for machine 0 at {board}: {cause}")
            time.sleep(PAUSE_S)
    raise PeerTimeout(f"machine 0 was not met at {board} within {limit:g} s: {cause}")


def _dial(address: Address) -> socket.socket:
    connection = socket.create_connection(address, CONNECT_S)
    try:
        if connection.getsockname() == connection.getpeername():
            # while nobody listens at a port of this host, Linux may connect it to itself
            raise ConnectionRefusedError(errno.ECONNREFUSED, "nobody listens")
    except OSError:
        connection.close()
        raise
    return connection
