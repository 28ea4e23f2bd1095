"""What the launchers of several machines tell each other: how their nodes have ended."""

import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import Any

from decentralizepy.errors import ConfigError, NodeFailed, PeerError, printable
from decentralizepy.message import Message
from decentralizepy.runs.ended import GONE, LOST, PAUSED, Ended
from decentralizepy.runs.experiment import Experiment

MEET_S = 5.0  # for a launcher to connect, if its nodes have already finished
# for the last message to arrive: of a run that failed, and over a network that loses a third
# of all packets, as TCP doubles its wait with each retransmission
FAREWELL_MS, LONG_FAREWELL_MS = 1_000, 30_000


class Machines:
    """The other machines of a run; a context manager, which tells them of an error.

    The launchers are connected to each other like the nodes, by a transport of the same
    class. When the nodes of a machine have ended, its launcher tells the others how, and
    waits until theirs have ended, too. On a single machine, this does nothing.

    Parameters
    ----------
    experiment : Experiment
        Its communication must have been prepared.

    Attributes
    ----------
    handlers : dict
        What to do with a message on another channel, given its machine and the message.
    """

    def __init__(self, experiment: Experiment) -> None:
        self.args, self.mapping = experiment.args, experiment.mapping
        self.machine: int = self.args.machine_id
        faults = experiment.config.get("FAULTS", {})
        self.policy: str = faults.get("on_peer_loss", "abort")
        self.warn_after = float(faults.get("warn_after", 10))
        self.patience = float(faults.get("peer_timeout", 600))
        self.limit = self.patience * self.args.iterations
        self.handlers: dict[str, Callable[[int, Message], None]] = {}
        self._news: dict[int, deque[Ended]] = {}  # by machine that has connected
        self._relayed: NodeFailed | None = None  # the last error of another machine
        self._starting = True
        self._link = self._connect(experiment)

    def _connect(self, experiment: Experiment) -> Any:
        """Return the transport among launchers; None on a single machine."""
        if self.args.machines == 1:
            return None
        cls = experiment.parts["COMMUNICATION"].cls
        between = getattr(cls, "between_launchers", None)  # not of a user's own class
        options = between(experiment.comm_options) if between else None
        if options is None:
            return None
        options |= experiment.launchers
        # its warnings are for logs, and a launcher has none
        logging.getLogger("decentralizepy").addHandler(logging.NullHandler())
        n_procs = self.mapping.get_n_procs()
        rank = self._rank(self.machine)
        link = cls(rank, self.machine, self.mapping, n_procs, **options)
        for machine in self._others:
            link.init_connection(self._uid(machine))
            hello = {"HELLO": link.uid, "CHANNEL": "CONNECT"}
            link.send(self._uid(machine), hello)
        return link

    @property
    def _others(self) -> list[int]:
        return [each for each in range(self.args.machines) if each != self.machine]

    def _rank(self, machine: int) -> int:
        """Return the rank in whose name the launcher of a machine speaks."""
        alone = not self.mapping.get_procs_count(machine)  # it only runs a service
        return int(self.args.server_rank) if alone else 0

    def _uid(self, machine: int) -> int:
        return self.mapping.get_uid(self._rank(machine), machine)

    def check(self, starting: bool) -> None:
        """Raise a NodeFailed if this machine must stop because of another one.

        Parameters
        ----------
        starting
            Whether nodes of this machine are still waiting for their peers. After that,
            they notice by themselves that a machine is gone.
        """
        if self._link is None:
            return
        self._starting = starting
        self._read()
        for machine in self._others:
            news = self._news.get(machine)
            ended = news[0] if news else Ended()
            if starting and not news and self._is_gone(machine):
                ended = LOST
            may_go_on = self.policy == "drop" and not (starting and ended.final)
            if ended.status and not may_go_on:
                raise self._failed(machine, ended)

    def settle(
        self, failure: NodeFailed | None, lost: Sequence[int] = ()
    ) -> NodeFailed | None:
        """Wait until the nodes of all machines have ended; return what failed elsewhere.

        Parameters
        ----------
        failure
            What failed on this machine, if anything.
        lost
            The uids that this machine's nodes have finished without.

        Returns
        -------
        NodeFailed or None

        Raises
        ------
        NodeFailed
            If another machine has failed for good, unless the policy is ``drop``, or if
            this one has waited in vain for a machine that never started.
        """
        in_vain = self._starting and self._silent
        if failure and failure.exit_status == PeerError.exit_status and in_vain:
            raise failure
        status = failure.exit_status if failure else int(bool(lost))
        cause = self._cause(failure) if failure else ""
        others = self._exchange(Ended(status, cause, lost))
        if self.policy == "drop":
            return self._without(lost, others)
        bad = {machine: ended for machine, ended in others.items() if ended.status}
        for machine, ended in bad.items():
            if ended.final:
                raise self._failed(machine, ended)
        return self._failed(*next(iter(bad.items()))) if bad else None

    def explain(self, failure: NodeFailed) -> None:
        """Add what other machines have said to a failure that peers may have caused."""
        if self._link is None or failure is self._relayed:
            return
        self._read()
        told = [news[0].cause for news in self._news.values() if news and news[0].cause]
        if failure.exit_status == PeerError.exit_status:
            failure.args = ("\n".join([str(failure), *told]),)

    def _exchange(self, own: Ended) -> dict[int, Ended]:
        """Tell the others how this machine's nodes ended; return how theirs did."""
        if self._link is None:
            return {}
        self._read()
        self._tell(own)
        since, warned = time.monotonic(), False
        while waiting := self._waiting(time.monotonic() - since, own):
            waited = time.monotonic() - since
            named = ", ".join(map(str, waiting))
            if waited > self.limit:
                error = NodeFailed(f"machine {named} has not ended for {waited:.0f} s")
                error.exit_status = PeerError.exit_status
                raise error
            if waited > self.warn_after and not warned:
                warned = True
                print(f"waiting for machine {named} to finish", file=sys.stderr)
            self._read()  # which waits for a moment
        self._warn_of_silent()
        known = [m for m in self._others if m in self._news or self._is_gone(m)]
        return {machine: self._taken(machine) for machine in known}

    def _waiting(self, waited: float, own: Ended) -> list[int]:
        """Return the machines that have yet to tell how their nodes ended."""
        known = self._others if waited < MEET_S and not own.status else self._news
        return [
            machine
            for machine in sorted(known)
            if not self._news.get(machine) and not self._is_gone(machine)
        ]

    @property
    def _silent(self) -> list[int]:
        """The machines whose launchers have never connected."""
        if self._link is None:
            return []
        unheard = [each for each in self._others if each not in self._news]
        return [machine for machine in unheard if not self._is_gone(machine)]

    def _warn_of_silent(self) -> None:
        for machine in self._silent:
            address = self._link.address(self._rank(machine), machine)
            print(
                f"warning: the launcher of machine {machine} has not answered at "
                f"{address}, so whether its nodes ended well is unknown",
                file=sys.stderr,
            )

    def _taken(self, machine: int) -> Ended:
        """Return how a machine's nodes ended, once for each time."""
        news = self._news.get(machine)
        if not news:
            return LOST
        return news[0] if news[0].final else news.popleft()

    def _without(
        self, own: Sequence[int], others: dict[int, Ended]
    ) -> NodeFailed | None:
        """Return an error that names all lost nodes, if there are any."""
        lost = set(own)
        for machine, ended in others.items():
            gone = ended.status and ended.final
            lost.update(self.mapping.get_uids(machine) if gone else ended.lost)
        named = ", ".join(map(str, sorted(lost)))
        text = f"lost uid {named}; the nodes of this machine finished without"
        return NodeFailed(text) if lost else None

    def _failed(self, machine: int, ended: Ended) -> NodeFailed:
        """Return an error because of another machine."""
        error = NodeFailed(ended.cause or f"machine {machine}: {GONE}")
        same = ended.status in (ConfigError.exit_status, PAUSED)
        error.exit_status = ended.status if same else PeerError.exit_status
        self._relayed = error
        return error

    def _cause(self, error: BaseException) -> str:
        """Return in one line on which machine an error occurred, and which."""
        if error is self._relayed:
            return self._relayed.cause
        cause = getattr(error, "cause", None) or str(error).split("\n", 1)[0]
        return f"machine {self.machine}: {cause}"

    def _is_gone(self, machine: int) -> bool:
        return self._uid(machine) in self._link.lost

    def send(self, machine: int, message: Message) -> None:
        """Send a message to the launcher of another machine, if they can be connected."""
        if self._link is not None:
            self._link.send(self._uid(machine), message)

    def wait(self, missing: Callable[[], Collection[int]]) -> list[int]:
        """Wait while machines are missing; return those that will remain so.

        These are gone, or everybody has been silent for ``peer_timeout``.
        """
        heard = time.monotonic()
        while not all(map(self._is_gone, missing())):
            if self._read():
                heard = time.monotonic()
            elif time.monotonic() - heard > self.patience:
                break
        return sorted(missing())

    def _read(self) -> bool:
        """Take all that has arrived, and notice who is gone; return whether anything had."""
        came = False
        while received := self._link.receive(block=False):
            came = True
            uid, message = received
            machine = self.mapping.get_machine_and_rank(uid)[1]
            news = self._news.setdefault(machine, deque())
            if message["CHANNEL"] == "LAUNCHER":
                text = printable(message["CAUSE"])
                lost = [each for each in message["LOST"] if type(each) is int]
                news.append(Ended(message["STATUS"], text, lost, message["FINAL"]))
            elif handler := self.handlers.get(message["CHANNEL"]):
                handler(machine, message)
        return came

    def _tell(self, own: Ended) -> None:
        told = {name.upper(): value for name, value in own._asdict().items()}
        message = {**told, "CHANNEL": "LAUNCHER", "LOST": list(own.lost)}
        # one that has yet to connect need not know of an attempt that it had no part in
        for machine in self._others if own.final else self._news:
            self._link.send(self._uid(machine), message)

    def __enter__(self) -> "Machines":
        return self

    def __exit__(
        self, kind: object, error: BaseException | None, trace: object
    ) -> None:
        if self._link is None:
            return
        self._read()
        if error is not None:
            status = getattr(error, "exit_status", 1)
            self._tell(Ended(status, self._cause(error), final=True))
        short = error is not None or self._silent  # there is nobody to wait for
        self._link.terminate(FAREWELL_MS if short else LONG_FAREWELL_MS)
