"""Which machine of a run this is, of how many, and where machine 0 is met."""

import socket
from typing import NamedTuple

from decentralizepy.placement.boards import Board

START_S = 300.0  # the default of [FAULTS] start_timeout


class Place(NamedTuple):
    """The place of a launcher.

    Attributes
    ----------
    board : Board
        Where machine 0 is met.
    machines : int
        The number of machines.
    machine : int or None
        The number of this one; None to be given one.
    run : str
        Identifies the run, so that two runs at one address do not mix.
    source : str
        What this was inferred from; empty if the user said so.
    """

    board: Board
    machines: int
    machine: int | None = None
    run: str = ""
    source: str = ""


class Plan(NamedTuple):
    """What a launcher has read before it meets the others.

    Attributes
    ----------
    counts : tuple of int
        Nodes per machine: one number for all, or one for each.
    log_dir, weights_store_dir : str
        The folders of the run, if this is machine 0.
    limit : float
        Seconds to wait for other machines, at each step.
    """

    counts: tuple[int, ...] = (1,)
    log_dir: str = "."
    weights_store_dir: str = "weights"
    limit: float = START_S

    def nodes(self, machines: int, present: set[int]) -> str:
        """Return in words how many nodes are on the machines that are present."""
        every = self.counts * machines if len(self.counts) == 1 else self.counts
        here = sum(count for number, count in enumerate(every) if number in present)
        return f"{here} of {sum(every)} nodes"


def host_name() -> str:
    """Return this machine's name, for messages."""
    return socket.gethostname()[:60]
