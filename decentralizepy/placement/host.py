"""The launcher of machine 0, at which the launchers of all other machines meet."""

import selectors
import socket
import time
from collections.abc import Callable

from decentralizepy.errors import ConfigError, DecentralizepyError, PeerError
from decentralizepy.mappings.addresses import is_loopback
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
from decentralizepy.placement.waiting import Waiting
from decentralizepy.placement.ways import Way

TICK_S = 0.5


class Host:
    """Waits until the launchers of all machines have come; a context manager.

    Leaving it with an error ends all of them, with that error.

    Parameters
    ----------
    server : socket
        At the address where the others expect machine 0.
    place, plan

    Raises
    ------
    DecentralizepyError
        If a machine does not come, fails, or does not belong here.
    """

    machine = 0

    def __init__(self, server: socket.socket, place: Place, plan: Plan) -> None:
        self.place, self.plan = place, plan
        self.log_dir, self.weights_store_dir = plan.log_dir, plan.weights_store_dir
        self._server = server
        self._lines: dict[Line, int | None] = {}  # the machine, once it is known
        self._names = {0: host_name()}
        self._ready: dict[int, Ready] = {}
        self._ways: dict[int, list[Way]] = {}
        self._relayed: DecentralizepyError | None = None  # about another machine
        self._selector = selectors.DefaultSelector()
        self._selector.register(server, selectors.EVENT_READ)
        try:
            self._wait(self._missing, self._present)
            self._welcome()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise

    @property
    def host(self) -> str:
        """The address at which nodes of this machine are reached."""
        hosts = {line.own_host for line, machine in self._lines.items() if machine}
        return min(hosts, key=lambda host: (is_loopback(host), host))

    def meet(self, address: str, facts: dict[str, str]) -> dict[str, str]:
        """Wait until all machines are ready; return their addresses.

        Parameters
        ----------
        address, facts
            As for :class:`~decentralizepy.placement.messages.Ready`.

        Raises
        ------
        ConfigError
            If a machine is about to run something else.
        """
        for machine, other in self.gather(address, facts).items():
            self._compare(machine, other.facts)
        return self.release()

    def gather(self, address: str, facts: dict[str, str]) -> dict[int, Ready]:
        """Wait until all machines are ready; return what each has said."""
        self._ready[0] = Ready(address=address, facts=facts)
        self._wait(self._unready, lambda: "all machines have come")
        return dict(sorted(self._ready.items()))

    def release(self) -> dict[str, str]:
        """Tell all machines the addresses of all; return them."""
        addresses = {str(each): self._ready[each].address for each in self._ready}
        self._tell(Go(addresses=addresses))
        return addresses

    def ask(self, machine: int) -> list[Way]:
        """Have a machine measure its ways to the others, which are idle meanwhile."""
        for line, number in self._lines.items():
            if number == machine:
                line.send(Turn())

        def missing() -> list[int]:
            return [] if machine in self._ways else [machine]

        self._wait(missing, lambda: "measuring the network")
        return self._ways[machine]

    def clear(self, unanswered: list[Way]) -> None:
        """Let all machines start their nodes, unless one does not reach another.

        Parameters
        ----------
        unanswered
            The ways from this machine that lead nowhere.

        Raises
        ------
        PeerError
            With the first of the ways, from any machine.
        """
        self._ways[0] = unanswered
        everyone = range(self.place.machines)
        self._wait(
            lambda: [each for each in everyone if each not in self._ways],
            lambda: "all machines are ready",
        )
        lost = {(m, way.to): way for m in everyone for way in self._ways[m]}
        for (machine, other), way in sorted(lost.items()):
            back = "nor" if (other, machine) in lost else "but"
            raise self._relay(
                PeerError.exit_status,
                f"{self.named(machine)} does not reach {self.named(other)} at "
                f"{way.address}: {way.failure}; {back} the other way round",
            )
        self.dismiss([])

    def dismiss(self, problems: list[str]) -> None:
        """Tell all machines what is wrong, with which they end."""
        self._tell(Done(problems=problems))

    def _wait(self, missing: Callable[[], list[int]], done: Callable[[], str]) -> None:
        """Serve the others while machines are missing."""
        with Waiting(self.plan.limit) as waiting:
            while left := missing():
                named = ", ".join(map(str, left))
                waiting.show(f"{done()}, waiting for machine {named}")
                self._serve()

    def _missing(self) -> list[int]:
        return [m for m in range(self.place.machines) if m not in self._names]

    def _unready(self) -> list[int]:
        return [m for m in range(self.place.machines) if m not in self._ready]

    def _present(self) -> str:
        return self.plan.nodes(self.place.machines, set(self._names))

    def _serve(self) -> None:
        """Handle what arrives within a moment."""
        for key, _ in self._selector.select(TICK_S):
            if key.fileobj is self._server:
                line = Line(self._server.accept()[0])
                self._selector.register(line, selectors.EVENT_READ, line)
                self._lines[line] = None
                continue
            try:
                messages = key.data.read()
            except EOFError:
                self._lose(key.data)
                continue
            for message in messages:
                self._take(key.data, message)

    def _lose(self, line: Line) -> None:
        machine = self._lines[line]
        self._drop(line)
        if machine is not None:
            cause = "its launcher has died, or cannot be reached any more"
            raise self._relay(PeerError.exit_status, f"{self.named(machine)}: {cause}")

    def _drop(self, line: Line) -> None:
        self._selector.unregister(line)
        del self._lines[line]
        line.finish()
        line.close(LEAVE_S)

    def _take(self, line: Line, message: Message) -> None:
        machine = self._lines.get(line)
        if isinstance(message, Join) and machine is None and line in self._lines:
            self._admit(line, message)
        elif machine is None:  # a stranger
            return
        elif isinstance(message, Ready):
            self._ready[machine] = message
        elif isinstance(message, Report):
            self._ways[machine] = message.ways
        elif isinstance(message, End):
            raise self._relay(message.status, f"{self.named(machine)}: {message.cause}")

    def _admit(self, line: Line, join: Join) -> None:
        place = self.place
        missing = self._missing()
        if join.run != place.run or (join.machine is None and not missing):
            line.send(End(status=2, cause=f"another run meets at {place.board}"))
            self._drop(line)
            return
        machine = missing[0] if join.machine is None else join.machine
        if wrong := self._objection(machine, join):
            raise self._relay(ConfigError.exit_status, wrong)
        self._lines[line], self._names[machine] = machine, join.host

    def _welcome(self) -> None:
        """Tell all, once they have come; a mistake that one finds reaches all others."""
        for line, machine in self._lines.items():
            if machine is not None:
                welcome = Welcome(
                    machine=machine,
                    log_dir=self.log_dir,
                    weights_store_dir=self.weights_store_dir,
                )
                line.send(welcome)

    def _objection(self, machine: int, join: Join) -> str:
        """Return why a launcher does not belong to this run, or ""."""
        machines = self.place.machines
        if join.machines != machines:
            return (
                f"machine {machine} ({join.host}) was told of {join.machines} machines, "
                f"but {self.named(0)} of {machines}"
            )
        if machine >= machines:
            return (
                f"{join.host} says that it is machine {machine}; expected a number below "
                f"{machines}, since machines are counted from 0"
            )
        if machine in self._names:
            both = f"{self._names[machine]} and {join.host}"
            return f"{both} both say that they are machine {machine}"
        return ""

    def _compare(self, machine: int, facts: dict[str, str]) -> None:
        """Raise a ConfigError if a machine is about to run something else."""
        own = self._ready[0].facts
        for name in sorted(own.keys() & facts.keys()):  # one may spell out a default
            if own[name] != facts[name]:
                other = f"but {own[name]} on {self.named(0)}"
                wrong = f"{self.named(machine)}: {name} = {facts[name]}, {other}"
                raise self._relay(ConfigError.exit_status, wrong)

    def _relay(self, status: int, cause: str) -> DecentralizepyError:
        """Return an error about another machine, which all are told as it is."""
        self._relayed = End(status=status, cause=cause).error()
        return self._relayed

    def named(self, machine: int) -> str:
        """Return a machine's number and host name."""
        return f"machine {machine} ({self._names[machine]})"

    def _tell(self, message: Message) -> None:
        for line in self._lines:
            line.send(message)

    def __enter__(self) -> "Host":
        return self

    def __exit__(
        self, kind: object, error: BaseException | None, trace: object
    ) -> None:
        if error is not None:
            where = "" if error is self._relayed else f"{self.named(0)}: "
            self._tell(End.of(error, where))
        deadline = time.monotonic() + LEAVE_S
        for line in self._lines:
            line.finish()
        for line in self._lines:
            line.close(deadline - time.monotonic())
        self._selector.close()
        self._server.close()
        self.place.board.clear()
