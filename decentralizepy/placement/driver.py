"""Runs an experiment on other machines, through an agent on each of them."""

import base64
import os
import queue
import secrets
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from decentralizepy.config import flags
from decentralizepy.errors import ConfigError, PeerError, printable
from decentralizepy.placement.agent import Told
from decentralizepy.placement.cargo import Cargo
from decentralizepy.runs.signals import Stopped
from decentralizepy.runs.source import of_package
from decentralizepy.runs.transfer import Inbox, Piece, pieces

MEET_S = 120.0  # for all agents to start
LEAVE_S = 30.0  # for the others to end, once one has


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


class Driver:
    """An experiment on other machines.

    Parameters
    ----------
    connections : sequence of Connection
        To machine 0, 1, ...
    chosen : dict
        The flags of the run, by long name.

    Raises
    ------
    ConfigError
        By :meth:`run`, before anything starts, with a line for each machine that cannot
        take part.
    """

    def __init__(
        self, connections: Sequence[Connection], chosen: Mapping[str, Any]
    ) -> None:
        self._links, self._chosen = connections, dict(chosen)
        self._everyone = range(len(connections))
        self._heard: queue.Queue[tuple[int, Told]] = queue.Queue()
        self._gone: dict[int, str] = {}
        self._status: dict[int, int] = {}
        self._shares: set[int] = set()  # the machines that see this folder
        self._said: dict[str, int] = {}
        self._log_dir = Path(chosen.get("log_dir") or flags.defaults()["log_dir"])

    def run(self) -> int:
        """Run the experiment; return its exit status."""
        cargo = Cargo.of(self._chosen)
        try:
            for machine, link in enumerate(self._links):
                link.start(partial(self._hear, machine))
            self._meet()
            self._look()
            self._prepare(cargo)
            self._start(cargo)
            return self._fetch(cargo, self._watch())
        finally:
            for link in self._links:
                link.close()

    def _hear(self, machine: int, told: Told) -> None:
        self._heard.put((machine, told))

    def _meet(self) -> None:
        """Wait until all agents have answered, from the same source as this process."""
        own = f"{of_package():016x}"
        hellos = self._each("hello", MEET_S)
        bad = [
            f"host {link.name}: {self._gone.get(machine) or 'no answer'}"
            for machine, link in enumerate(self._links)
            if machine not in hellos
        ]
        for machine, hello in sorted(hellos.items()):
            if hello["digest"] != own:
                name, other = self._links[machine].name, printable(str(hello["digest"]))
                told = f"host {name}: another version of decentralizepy: digest {other}"
                bad.append(f"{told} of its source, but {own} on this machine")
        if bad:
            raise ConfigError("\n".join(bad))

    def _look(self) -> None:
        """Find out which machines share the current folder with this one."""
        probe, token = Path(f".probe-{secrets.token_hex(4)}"), secrets.token_hex(8)
        probe.write_text(token)
        try:
            folder = os.getcwd()
            self._tell(
                self._everyone,
                kind="look",
                folder=folder,
                probe=probe.name,
                token=token,
            )
            looked = self._all("looked")
        finally:
            probe.unlink()
        self._shares = {machine for machine in looked if looked[machine]["shared"]}

    def _prepare(self, cargo: Cargo) -> None:
        """Send the files that the launchers need to those that do not see them."""
        others = [m for m in self._everyone if m not in self._shares]
        for machine in others if self._chosen.get("resume") else ():
            raise ConfigError(
                f"host {self._links[machine].name} does not share this folder, in which "
                "its checkpoints would be",
                key="--resume",
                value=self._chosen["resume"],
            )
        if 0 in others:
            self._check_log_dir()
        for piece in pieces(cargo.root, cargo.names) if others else ():
            data = base64.b64encode(piece.data).decode()
            self._tell(others, kind="file", **{**piece._asdict(), "data": data})

    def _check_log_dir(self) -> None:
        """Raise a ConfigError if results would be written over others."""
        used = self._log_dir.is_dir() and any(self._log_dir.iterdir())
        if used and not self._chosen.get("overwrite"):
            cause = "is not empty: --overwrite replaces what is there"
            raise ConfigError(f"--log_dir {self._log_dir}: {cause}")

    def _start(self, cargo: Cargo) -> None:
        machines = len(self._links)
        for machine in self._everyone:
            is_here = machine in self._shares
            chosen = self._chosen if is_here else cargo.flags(self._chosen)
            log_dir = self._log_dir if is_here else cargo.log_dir
            words = [*flags.words({**chosen, "log_dir": str(log_dir)})]
            at = "." if is_here else cargo.at
            start = {"words": words, "machine": machine, "machines": machines, "at": at}
            self._tell([machine], kind="start", **start)

    def _watch(self) -> int:
        """Show what the launchers say until all have ended; return the exit status."""
        deadline, stopped = float("inf"), 0
        while len({*self._status, *self._gone}) < len(self._links):
            if time.monotonic() > deadline:
                break
            try:
                self._next(min(deadline - time.monotonic(), 1.0))
            except Stopped as error:
                stopped = error.exit_status
                self._tell(self._everyone, kind="signal", number=stopped - 128)
            failed = stopped or self._gone or any(self._status.values())
            if failed and deadline == float("inf"):
                deadline = time.monotonic() + LEAVE_S
        for machine, why in sorted(self._gone.items()):
            print(f"host {self._links[machine].name}: {why}", file=sys.stderr)
        found = {status for status in self._status.values() if status}
        own = found - {PeerError.exit_status}  # not only because of another machine
        left = len(self._status) < len(self._links)
        return stopped or min(own or found or {PeerError.exit_status * left})

    def _fetch(self, cargo: Cargo, status: int) -> int:
        """Bring the results here: those of all machines, which machine 0 has gathered.

        If the run has failed, each machine has its own.

        Returns
        -------
        int
            The exit status: that of the run, or that of a PeerError if results are lost.
        """
        folder, lost = f"{cargo.at}/{cargo.log_dir}", {}
        for machine in [0] if status == 0 else self._everyone:
            if machine in self._status and machine not in self._shares:
                self._tell([machine], kind="fetch", folder=folder)
                if why := self._receive(machine):
                    lost[machine] = why
        for machine, why in lost.items():
            name = self._links[machine].name
            print(f"host {name}: not all results have come: {why}", file=sys.stderr)
        self._tell([m for m in self._everyone if m not in lost], kind="forget")
        return status or (PeerError.exit_status if lost else 0)

    def _receive(self, machine: int) -> str:
        """Write the files that a machine sends; return why it did not send all, or ""."""
        inboxes = {"": Inbox(self._log_dir)}
        if weights := self._chosen.get("weights_store_dir"):
            inboxes["weights/"] = Inbox(Path(weights))
        while True:
            who, told = self._next(MEET_S)
            if told["kind"] == "":
                return "no answer"
            if who != machine:
                continue
            if told["kind"] == "gone":
                return str(told["why"])
            if told["kind"] == "fetched":
                return ""
            if told["kind"] == "file":
                name = told["name"]
                start = max(each for each in inboxes if name.startswith(each))
                data = base64.b64decode(told["data"])
                part = name[len(start) :], told["offset"], data, told["last"]
                inboxes[start].take(Piece._make(part))

    def _next(self, limit: float) -> tuple[int, Told]:
        """Handle what is said next; return it."""
        try:
            machine, told = self._heard.get(timeout=max(limit, 0.0))
        except queue.Empty:
            return -1, {"kind": ""}
        kind = told["kind"]
        if kind == "gone" and machine not in self._status:
            self._gone[machine] = told["why"]
        elif kind == "ended":
            self._status[machine] = told["status"]
        elif kind == "board":
            others = [m for m in self._everyone if m != machine]
            self._tell(others, kind="board", text=told["text"])
        elif kind in ("out", "error"):
            self._show(
                machine, told["text"], sys.stdout if kind == "out" else sys.stderr
            )
        return machine, told

    def _show(self, machine: int, text: str, stream: Any) -> None:
        """Print a line, unless another machine has said the same."""
        if stream is sys.stdout or self._said.setdefault(text, machine) == machine:
            print(text, file=stream, flush=True)

    def _each(self, kind: str, limit: float) -> dict[int, Told]:
        """Return what each machine says of a kind, except for those that are gone."""
        found: dict[int, Told] = {}
        deadline = time.monotonic() + limit
        while len({*found, *self._gone}) < len(self._links):
            if time.monotonic() > deadline:
                break
            machine, told = self._next(deadline - time.monotonic())
            if told["kind"] == kind:
                found[machine] = told
        return found

    def _all(self, kind: str) -> dict[int, Told]:
        """Return the same, or raise a PeerError if a machine says nothing."""
        found = self._each(kind, MEET_S)
        for machine, link in enumerate(self._links):
            if machine not in found:
                why = self._gone.get(machine, "no answer")
                raise PeerError(f"host {link.name}: {why}")
        return found

    def _tell(self, whom: Collection[int], **told: Any) -> None:
        """Tell machines something."""
        for machine in whom:
            self._links[machine].send(told)
