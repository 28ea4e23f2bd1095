"""The agents on other machines, and what they say."""

import queue
import sys
import time
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Protocol

from decentralizepy.errors import PeerError
from decentralizepy.placement.agent import Told

MEET_S = 120.0  # for an agent to answer


class Connection(Protocol):
    """A way to an agent on another machine; the agent ends with it.

    Attributes
    ----------
    name : str
        Of the machine, for messages.
    """

    name: str

    def start(self, tell: Any) -> None:
        """Start the agent; call ``tell`` with what it says, from any thread.

        At its end, with ``{"kind": "gone", "why": text}``.
        """

    def send(self, told: Told) -> None:
        """Tell the agent something; nothing if it is gone."""

    def close(self) -> None:
        """Let the agent end, and wait until it has."""


class Crew:
    """All agents; each keeps the launcher of a machine.

    Parameters
    ----------
    links : sequence of Connection
        To machine 0, 1, ...

    Attributes
    ----------
    everyone : range
        The numbers of the machines.
    gone : dict of str
        Why an agent is gone, by machine.
    status : dict of int
        The exit statuses of launchers that have ended, by machine.
    """

    def __init__(self, links: Sequence[Connection]) -> None:
        self._links = links
        self.everyone = range(len(links))
        self.gone: dict[int, str] = {}
        self.status: dict[int, int] = {}
        self._heard: queue.Queue[tuple[int, Told]] = queue.Queue()
        self._said: dict[str, int] = {}

    def start(self) -> None:
        """Start all agents."""
        for machine, link in enumerate(self._links):
            link.start(partial(self.hear, machine))

    def close(self) -> None:
        """Let all agents end, and wait until they have."""
        with ThreadPoolExecutor(len(self._links)) as pool:
            for link in self._links:
                pool.submit(link.close)

    def name(self, machine: int) -> str:
        """Return how a machine is called in messages."""
        return f"host {self._links[machine].name}"

    def hear(self, machine: int, told: Told) -> None:
        """Take what an agent says, from any thread."""
        self._heard.put((machine, told))

    def tell(self, whom: Collection[int], **told: Any) -> None:
        """Tell machines something."""
        for machine in whom:
            self._links[machine].send(told)

    def next(self, limit: float) -> tuple[int, Told]:
        """Handle what is said next, within ``limit`` seconds; return it.

        If nothing is, the kind is empty.
        """
        try:
            machine, told = self._heard.get(timeout=max(limit, 0.0))
        except queue.Empty:
            return -1, {"kind": ""}
        kind = told["kind"]
        if kind == "gone":
            self.gone[machine] = told["why"]
        elif kind == "ended":
            self.status[machine] = told["status"]
        elif kind == "board":
            others = [m for m in self.everyone if m != machine]
            self.tell(others, kind="board", text=told["text"])
        elif kind == "out":
            print(told["text"], flush=True)
        elif kind == "error":
            self._complain(machine, told["text"])
        return machine, told

    def _complain(self, machine: int, text: str) -> None:
        """Print an error, unless another machine has said the same."""
        if self._said.setdefault(text, machine) == machine:
            print(text, file=sys.stderr, flush=True)

    def each(self, kind: str) -> dict[int, Told]:
        """Return what each machine says of a kind, except for those that are gone."""
        found: dict[int, Told] = {}
        deadline = time.monotonic() + MEET_S
        while len({*found, *self.gone}) < len(self._links):
            if time.monotonic() > deadline:
                break
            machine, told = self.next(deadline - time.monotonic())
            if told["kind"] == kind:
                found[machine] = told
        return found

    def all(self, kind: str) -> dict[int, Told]:
        """Return the same, or raise a PeerError if a machine says nothing."""
        found = self.each(kind)
        for machine in self.everyone:
            if machine not in found:
                raise PeerError(f"{self.name(machine)}: {self.why(machine)}")
        return found

    def why(self, machine: int) -> str:
        """Return why a machine says nothing."""
        return self.gone.get(machine, "no answer")
