"""Ends a run at a signal, once all nodes have written a checkpoint of the same round."""

import math
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from decentralizepy.checkpoints import Checkpoints
from decentralizepy.config.due import Due
from decentralizepy.message import Message
from decentralizepy.runs.ended import Paused
from decentralizepy.runs.experiment import Experiment
from decentralizepy.runs.machines import Machines
from decentralizepy.runs.spec import NodeSpec

SIGNAL = signal.SIGUSR2
AGREE_S = 4.0  # for all machines to hear which round is due
ASK, AT, DUE, PASSED, WRITTEN, END = "ASK", "AT", "DUE", "PASSED", "WRITTEN", "END"


class Pause:
    """The agreement of all machines on a round that none of their nodes has passed.

    Whichever launcher gets the signal asks machine 0, which asks all how far their nodes
    are, and names a round that is soon. If a node turns out to have passed it, machine 0
    names a later one. Once all checkpoints are written, all launchers end together.

    Parameters
    ----------
    experiment, machines
    specs : list of NodeSpec
        The nodes of this machine, which have not started.
    """

    def __init__(
        self, experiment: Experiment, machines: Machines, specs: Sequence[NodeSpec]
    ) -> None:
        self._experiment, self._machines = experiment, machines
        self._due = Due(experiment.ranks)
        for spec in specs:
            spec.config["RUN"].due = self._due
        self._count: int = experiment.args.machines
        self._is_first = experiment.args.machine_id == 0 or self._count == 1
        self._own: int = 0 if self._is_first else experiment.args.machine_id
        self._since = time.monotonic()
        self._asked = False
        self._told = 0  # the round that machine 0 knows to be written, or passed
        self._at: dict[int, int] = {}  # rounds, by machine
        self._written: set[int] = set()
        self._margin = 1
        machines.handlers["CHECKPOINT"] = self._hear

    def poll(self) -> None:
        """Do what is due; at the end, raise Paused."""
        if signal.sigtimedwait([SIGNAL], 0):
            self._say(0, ASK)
        if self._due.round > self._told:
            self._look()

    def _look(self) -> None:
        """Tell machine 0 whether this machine's nodes have written, or passed, the round."""
        number, log_dir = self._due.round, self._experiment.args.log_dir
        missing = [
            rank
            for rank in self._experiment.checkpointing
            if not Path(Checkpoints(log_dir, rank).path(number)).exists()
        ]
        if not missing:
            self._told = number
            self._say(0, WRITTEN, number)
        elif any(self._due.done(rank) > number for rank in missing):
            self._told = number
            self._say(0, PASSED, self._due.newest)

    def _say(self, machine: int, step: str, number: int = 0) -> None:
        message = {"CHANNEL": "CHECKPOINT", "STEP": step, "ROUND": number}
        if machine == self._own:
            self._hear(machine, message)
        else:
            self._machines.send(machine, message)

    def _say_all(self, step: str, number: int = 0) -> None:
        for machine in range(self._count - 1, -1, -1):  # this one, which may end, last
            self._say(machine, step, number)

    def _hear(self, machine: int, message: Message) -> None:
        step, number = message["STEP"], message["ROUND"]
        if self._is_first and step in (ASK, AT, PASSED, WRITTEN):
            self._lead(machine, step, number)
        elif step == ASK:
            self._say(0, AT, self._due.newest)
        elif step == DUE:
            self._due.round = number
        elif step == END:
            raise Paused(number)

    def _lead(self, machine: int, step: str, number: int) -> None:
        """Do the part of machine 0."""
        if step == ASK and not self._asked:
            self._asked = True
            self._at = {0: self._due.newest}
            for other in range(1, self._count):
                self._say(other, ASK)
        elif step == AT:
            self._at[machine] = number
        elif step == PASSED and number >= self._due.round:
            self._margin *= 2
            self._at[machine] = number
        elif step == WRITTEN and number == self._due.round:
            self._written.add(machine)
            if len(self._written) == self._count:
                self._say_all(END, number)
            return
        else:
            return
        if len(self._at) == self._count:
            self._name()

    def _name(self) -> None:
        """Name the round; none if the run ends before, as it soon will."""
        first = self._experiment.first_round  # rounds before it took none of this time
        newest = max(first, *self._at.values())
        pace = (newest - first) / max(time.monotonic() - self._since, 1e-3)
        number = newest + self._margin * max(1, math.ceil(AGREE_S * pace))
        if number < self._experiment.args.iterations:
            self._written.clear()
            self._say_all(DUE, number)
