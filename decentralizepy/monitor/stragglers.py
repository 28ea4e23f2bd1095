"""Detection of stragglers: the node that the waits of the others are due to."""

from collections import Counter, deque
from collections.abc import Mapping
from typing import Any, NamedTuple

RECENT = 10  # rounds
NOTABLE = 0.2  # of the time
_PASSED_ON = 0.5  # a node that waits this share of what others wait is not the cause
Waited = dict[int, float]  # seconds, by the uid waited for


class Slowest(NamedTuple):
    """A node that others wait for: mean seconds per round, and share of the time."""

    uid: int
    seconds: float
    share: float

    def __str__(self) -> str:
        return f"{self.uid} (others waited {self.seconds:.2g} s per round)"


class Waits:
    """The waits that nodes reported, in all rounds and in the most recent ones."""

    def __init__(self) -> None:
        self._recent: dict[int, deque[tuple[float, float, int]]] = {}
        self._waited: dict[int, Waited] = {}
        self._rounds: Counter[int] = Counter()

    def add(self, uid: int, record: Mapping[str, Any]) -> None:
        """Add a line of a node's results."""
        if not {"wait", "slowest", "time"} <= record.keys():
            return
        row = record["time"], record["wait"], record["slowest"]
        self._recent.setdefault(uid, deque(maxlen=RECENT + 1)).append(row)
        _count(self._waited.setdefault(uid, {}), row[2], row[1])
        self._rounds[uid] += 1

    def forget(self, uid: int) -> None:
        """Forget a node that starts over."""
        for kept in (self._recent, self._waited, self._rounds):
            kept.pop(uid, None)

    def recently(self) -> Slowest | None:
        """Return the straggler of the most recent rounds, if any."""
        waits: dict[int, Waited] = {}
        rounds, seconds = 0, 0.0
        for uid, rows in self._recent.items():
            waits[uid] = {}
            later = list(rows)[1:]
            for _, wait, slowest in later:
                _count(waits[uid], slowest, wait)
            rounds += len(later)
            seconds += rows[-1][0] - rows[0][0]
        return _notable(waits, rounds, seconds)

    def overall(self) -> Slowest | None:
        """Return the straggler over all rounds, if any."""
        seconds = sum(rows[-1][0] for rows in self._recent.values())
        return _notable(self._waited, self._rounds.total(), seconds)


def _count(waited: Waited, uid: int, seconds: float) -> None:
    waited[uid] = waited.get(uid, 0.0) + seconds


def _notable(
    waits: Mapping[int, Waited], rounds: int, seconds: float
) -> Slowest | None:
    """Return the cause of most waiting; ``rounds`` and ``seconds`` cover all nodes."""
    caused: Waited = {}
    for uid, waited in waits.items():
        if (cause := _cause(uid, waits)) != uid:
            _count(caused, cause, sum(waited.values()))
    if not caused or not rounds or seconds <= 0:
        return None
    uid = max(caused, key=caused.__getitem__)
    others = (len(waits) - (uid in waits)) / len(waits)
    found = Slowest(uid, caused[uid] / rounds / others, caused[uid] / seconds / others)
    return found if found.share >= NOTABLE else None


def _cause(uid: int, waits: Mapping[int, Waited]) -> int:
    """Follow the chain of waits to a node that did not wait itself.

    In a ring, only two nodes wait for a slow one; the others wait for those two.
    """
    least, passed = _PASSED_ON * sum(waits[uid].values()), set[int]()
    while (waited := waits.get(uid)) and uid not in passed:
        if sum(waited.values()) < least:
            break
        passed.add(uid)
        uid = max(waited, key=waited.__getitem__)
    return uid
