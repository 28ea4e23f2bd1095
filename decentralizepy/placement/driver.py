"""Runs an experiment on other machines, through an agent on each of them."""

import base64
import os
import secrets
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from decentralizepy.checkpoints import FOLDER as CHECKPOINTS
from decentralizepy.config import flags
from decentralizepy.errors import ConfigError, PeerError, printable
from decentralizepy.placement.cargo import Cargo, folder_of
from decentralizepy.placement.crew import MEET_S, Connection, Crew
from decentralizepy.runs import folders
from decentralizepy.runs.pause import SIGNAL
from decentralizepy.runs.signals import Stopped, hold
from decentralizepy.runs.source import of_package
from decentralizepy.runs.transfer import Inbox, Piece

LEAVE_S = 30.0  # for the others to end, once one has


class Driver:
    """An experiment on other machines.

    Parameters
    ----------
    links : sequence of Connection
        To machine 0, 1, ...
    chosen : dict
        The flags of the run, by long name.

    Raises
    ------
    ConfigError
        By :meth:`run`, before anything starts, with a line for each machine that cannot
        take part.
    """

    def __init__(self, links: Sequence[Connection], chosen: Mapping[str, Any]) -> None:
        self.crew, self._chosen = Crew(links), dict(chosen)
        self._shares: set[int] = set()  # the machines that see this folder
        self._scratch: dict[int, str] = {}  # where the others run
        self._left: set[int] = set()  # those with results that are not here
        self._log_dir = folder_of(chosen)

    def run(self) -> int:
        """Run the experiment; return its exit status."""
        hold(SIGNAL)
        cargo = Cargo.of(self._chosen)
        try:
            self.crew.start()
            self._meet()
            self._look()
            self._prepare(cargo)
            self._start(cargo)
            return self._fetch(cargo, self._watch())
        finally:
            self.crew.close()
            for machine in sorted(self._left):
                told = f"what it has not sent remains there in {self._scratch[machine]}"
                print(f"{self.crew.name(machine)}: {told}", file=sys.stderr)

    def _meet(self) -> None:
        """Wait until all agents have answered, from the same source as this process."""
        own, crew = f"{of_package():016x}", self.crew
        hellos = crew.each("hello")
        bad = [
            f"{crew.name(machine)}: {crew.why(machine)}"
            for machine in crew.everyone
            if machine not in hellos
        ]
        for machine, hello in sorted(hellos.items()):
            self._scratch[machine] = printable(str(hello.get("folder")))
            if hello["digest"] != own:
                other = printable(str(hello["digest"]))
                told = (
                    f"{crew.name(machine)}: another version of decentralizepy: digest"
                )
                bad.append(f"{told} {other} of its source, but {own} on this machine")
        if bad:
            raise ConfigError("\n".join(bad))

    def _look(self) -> None:
        """Find out which machines share the current folder with this one."""
        probe, token = Path(f".probe-{secrets.token_hex(4)}"), secrets.token_hex(8)
        with suppress(OSError):  # then nobody shares it
            probe.write_text(token)
        try:
            self.crew.tell(
                self.crew.everyone,
                kind="look",
                folder=os.getcwd(),
                probe=probe.name,
                token=token,
            )
            looked = self.crew.all("looked")
        finally:
            probe.unlink(missing_ok=True)
        self._shares = {machine for machine in looked if looked[machine]["shared"]}

    def _prepare(self, cargo: Cargo) -> None:
        """Send the files that the launchers need to those that do not see them."""
        others = [m for m in self.crew.everyone if m not in self._shares]
        if 0 in others and not cargo.earlier:
            self._check_log_dir()
        if others:
            folders.make("--log_dir", self._log_dir)
        for machine in others:
            for piece in cargo.pieces(machine):
                data = base64.b64encode(piece.data).decode()
                told = {**piece._asdict(), "data": data}
                self.crew.tell([machine], kind="file", **told)
        self.crew.tell(self.crew.everyone, kind="confirm")
        self.crew.all("confirmed")

    def _check_log_dir(self) -> None:
        """Raise a ConfigError if results would be written over others."""
        used = self._log_dir.is_dir() and any(self._log_dir.iterdir())
        if used and not self._chosen.get("overwrite"):
            cause = "is not empty: --overwrite replaces what is there"
            raise ConfigError(f"--log_dir {self._log_dir}: {cause}")

    def _start(self, cargo: Cargo) -> None:
        everyone = self.crew.everyone
        self._left = {*everyone} - self._shares
        for machine in everyone:
            is_here = machine in self._shares
            chosen = self._chosen if is_here else cargo.flags(self._chosen)
            log_dir = self._log_dir if is_here else cargo.log_dir
            self.crew.tell(
                [machine],
                kind="start",
                words=[*flags.words({**chosen, "log_dir": str(log_dir)})],
                machine=machine,
                machines=len(everyone),
                at="." if is_here else cargo.at,
            )

    def _watch(self) -> int:
        """Show what the launchers say until all have ended; return the exit status."""
        crew, deadline, stopped = self.crew, float("inf"), 0
        status, count = crew.status, len(crew.everyone)
        while len({*status, *crew.gone}) < count and time.monotonic() <= deadline:
            try:
                crew.next(min(deadline - time.monotonic(), 1.0))
                if signal.sigtimedwait([SIGNAL], 0):
                    crew.tell([0], kind="signal", number=SIGNAL)
            except Stopped as error:
                stopped = error.exit_status
                crew.tell(crew.everyone, kind="signal", number=stopped - 128)
            failed = stopped or crew.gone or any(status.values())
            if failed and deadline == float("inf"):
                deadline = time.monotonic() + LEAVE_S
        for machine in sorted({*crew.everyone} - status.keys()):
            why = crew.gone.get(machine, "its launcher does not end")
            print(f"{crew.name(machine)}: {why}", file=sys.stderr)
        found = {each for each in status.values() if each}
        own = found - {PeerError.exit_status}  # not only because of another machine
        left = len(status) < count
        return stopped or min(own or found or {PeerError.exit_status * left})

    def _fetch(self, cargo: Cargo, status: int) -> int:
        """Bring the results here: those of all machines, which machine 0 has gathered.

        If the run has failed, each machine has its own. Each always has its checkpoints.

        Returns
        -------
        int
            The exit status: that of the run, or that of a PeerError if results are lost.
        """
        lost = False
        for machine in sorted(self.crew.status.keys() & self._left):
            why = self._bring(machine, f"{cargo.at}/{cargo.log_dir}", status)
            if why:
                told = f"{self.crew.name(machine)}: not all results have come: {why}"
                print(told, file=sys.stderr)
                lost = True
                continue
            self._left.discard(machine)
            self.crew.tell([machine], kind="forget")
        return status or (PeerError.exit_status if lost else 0)

    def _bring(self, machine: int, there: str, status: int) -> str:
        """Bring here what is to come from a machine.

        Returns
        -------
        str
            Why not everything has come, or "".
        """
        weights = self._chosen.get("weights_store_dir") or self._log_dir / "weights"
        results = {"": Inbox(self._log_dir), "weights/": Inbox(Path(weights))}
        part = f"machine{machine}/{CHECKPOINTS}"
        checkpoints = Inbox(self._log_dir / part)
        try:
            if machine == 0 or status:
                self._receive(machine, there, results)
            self._receive(machine, f"{there}/{part}", {"": checkpoints})
            if status != ConfigError.exit_status:  # else nothing has run
                checkpoints.remove_others()
        except (OSError, PeerError) as error:
            return str(error)
        return ""

    def _receive(self, machine: int, there: str, inboxes: dict[str, Inbox]) -> None:
        """Write the files in a folder of a machine.

        Raises
        ------
        PeerError
            If not all come.
        OSError
            If they cannot be written.
        """
        self.crew.tell([machine], kind="fetch", folder=there)
        while machine not in self.crew.gone:
            who, told = self.crew.next(MEET_S)
            if not told["kind"]:
                break
            if who != machine:
                continue
            if told["kind"] == "fetched":
                return
            if told["kind"] == "file":
                name = told["name"]
                start = max(each for each in inboxes if name.startswith(each))
                data = base64.b64decode(told["data"])
                part = name[len(start) :], told["offset"], data, told["last"]
                inboxes[start].take(Piece._make(part))
        raise PeerError(self.crew.why(machine))
