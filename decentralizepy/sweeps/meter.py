"""Measures one run, to tell how many like it the machine can hold at once."""

import time
from contextlib import suppress
from pathlib import Path

import psutil

from decentralizepy.machine import Machine

ENOUGH_S = 10.0  # of rounds, after the start, which keeps one core busy at most
SHARE = 0.8  # of the free memory that runs may fill
EVERY_S = 0.5


class Meter:
    """The cores that a run keeps busy, and its memory.

    Attributes
    ----------
    cores : float
        CPU time over wall-clock time, since its first results if there are any yet.
    memory : int
        The most bytes that its processes had together, shared pages counted once.
    """

    def __init__(self, pid: int, log_dir: Path) -> None:
        self.cores, self.memory = 1.0, 0
        self._root, self._log_dir = psutil.Process(pid), log_dir
        self._began: tuple[float, float] | None = None
        self._in_rounds = False
        self._next = 0.0

    def measure(self) -> bool:
        """Take a sample if one is due; return whether there are enough."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + EVERY_S
        cpu, memory = usage(self._root)
        self.memory = max(self.memory, memory)
        if self._began is None or (not self._in_rounds and self._has_results()):
            self._in_rounds = self._has_results()
            self._began = now, cpu
        elapsed = now - self._began[0]
        if elapsed > 0 and cpu > self._began[1]:
            self.cores = (cpu - self._began[1]) / elapsed
        return self._in_rounds and elapsed >= ENOUGH_S

    def _has_results(self) -> bool:
        lines = self._log_dir.glob("*results.jsonl")
        return any(path.stat().st_size for path in lines)


def usage(root: psutil.Process) -> tuple[float, int]:
    """Return the CPU seconds of a process and its children, and their memory in bytes."""
    cpu, memory = 0.0, 0
    with suppress(psutil.Error):
        for each in (root, *root.children(recursive=True)):
            with suppress(psutil.Error):
                cpu += sum(each.cpu_times()[:4])  # with those of children that ended
                full = each.memory_full_info()
                memory += getattr(full, "pss", full.rss)
    return cpu, memory


def at_once(cores: float, memory: int) -> int:
    """Return how many runs that keep ``cores`` busy and fill ``memory`` bytes to start.

    As many as fill the cores, rounded: at most one per core, since a run that shares the
    machine with others seems to need less than it does. But not more than fit in 80 % of
    the memory that is free while the first of them runs; and at least one.
    """
    count = round(Machine().cores() / max(cores, 1.0))
    free = Machine().memory()
    if free and memory:
        count = min(count, 1 + int(SHARE * free.amount / memory))
    return max(1, count)
