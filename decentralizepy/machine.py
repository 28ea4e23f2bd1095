"""The cores, memory and processes that the kernel and its control groups allow."""

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_FILES = {
    "memory": (
        ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ("memory.max", "memory.current"),
    ),
    "pids": (("pids.max", "pids.current"),),
}
_CACHED = {
    "memory.usage_in_bytes": ("total_active_file", "total_inactive_file"),
    "memory.current": ("active_file", "inactive_file"),
    "pids.current": (),
}
_CPU = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
_KILLS = ("memory.oom_control", "memory.events")


class Free(NamedTuple):
    """How much is available, and the source of this information."""

    amount: int
    where: str


class Machine(NamedTuple):
    """The kernel's file systems; control groups may be version 1, 2 or both."""

    proc: Path = Path("/proc")
    cgroups: Path = Path("/sys/fs/cgroup")

    def cores(self) -> int:
        """Return how many cores this process can keep busy, at least 1.

        Those that it may be scheduled on, or the quota of a control group, rounded up.
        """
        affinity = getattr(os, "sched_getaffinity", None)  # not on macOS
        allowed = len(affinity(0)) if affinity else os.cpu_count() or 1
        return min([allowed, *self._quotas()])

    def memory(self) -> Free | None:
        """Return the bytes available without swapping, or None if unknown."""
        free = [*self._groups_leave("memory")]
        available = _words(self.proc / "meminfo").get("MemAvailable:")
        if available is not None:
            free.append(Free(available << 10, "MemAvailable"))
        return min(free, default=None)

    def threads(self) -> Free | None:
        """Return how many processes and threads control groups still allow."""
        return min(self._groups_leave("pids"), default=None)

    def oom_kills(self) -> int:
        """Return how many processes of this group were killed for lack of memory.

        If the group does not count them, those of the whole machine are returned.
        """
        counters = [
            folder / name for folder in self._groups("memory") for name in _KILLS
        ]
        for counter in (*counters, self.proc / "vmstat"):
            if (kills := _words(counter).get("oom_kill")) is not None:
                return kills
        return 0

    def _quotas(self) -> Iterator[int]:
        """Yield how many cores each control group of this process may keep busy."""
        for folder in self._groups("cpu"):
            first = [_text(folder / name) for name in _CPU]
            for text in (_text(folder / "cpu.max"), " ".join(first)):
                words = text.split()  # microseconds, and the period that they are for
                if len(words) == 2 and all(map(str.isdecimal, words)):
                    yield math.ceil(int(words[0]) / int(words[1]))

    def _groups_leave(self, controller: str) -> Iterator[Free]:
        """Yield what each control group of this process leaves of its limit."""
        for folder in self._groups(controller):
            for limit, used in _FILES[controller]:
                most, now = _number(folder / limit), _number(folder / used)
                if most is not None and now is not None:
                    stat = _words(folder / "memory.stat")
                    cached = sum(stat.get(name, 0) for name in _CACHED[used])
                    yield Free(max(0, most - now + cached), f"{folder / limit}")

    def _groups(self, controller: str) -> Iterator[Path]:
        """Yield the folders of this process's control group and its ancestors."""
        for line in _text(self.proc / "self" / "cgroup").splitlines():
            _, names, path = line.split(":", 2)
            bases = [self.cgroups / controller]
            if not names:
                bases = [self.cgroups, self.cgroups / "unified"]
            elif controller not in names.split(","):
                continue
            # in a container, this may be a path of the host that does not exist here
            parts = [part for part in path.split("/") if part not in ("", "..")]
            for base in bases:
                for depth in range(len(parts), -1, -1):
                    yield base.joinpath(*parts[:depth])


def cores() -> int:
    """Return how many cores this process can keep busy: affinity and quotas count."""
    return Machine().cores()


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdecimal() else None  # "max": no limit


def _words(path: Path) -> dict[str, int]:
    """Return the numbers of a file with one name and number per line."""
    rows = (line.split() for line in _text(path).splitlines())
    return {row[0]: int(row[1]) for row in rows if row[1:] and row[1].isdecimal()}
