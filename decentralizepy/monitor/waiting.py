"""The peers that the nodes of this machine are waiting for, from their notices."""

import math
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from decentralizepy.node.notice import asymmetry, notices


class Waiting(NamedTuple):
    """A wait: for whom, for how many seconds, and in which round (0: at the start).

    ``place`` is where in the code the ``uids`` are, if known. ``hint`` tells of peers that
    send to a node which does not wait for them.
    """

    whom: str
    seconds: float
    round: int
    uids: tuple[int, ...] = ()
    place: str = ""
    hint: str = ""

    def __str__(self) -> str:
        place = f"; {self.place}{self.hint}" if self.place else self.hint
        if not self.round:
            return f"start: {self.whom} for {self.seconds:.0f} s{place}"
        since = f"for {self.seconds:.0f} s, round {self.round}"
        return f"waiting for {self.whom} {since}{place}"


class Locator:
    """Finds where in the code the awaited nodes are, at most once a minute if it did.

    Each of them writes its stack to its log for that, and a slow one is awaited in every
    round.

    Parameters
    ----------
    locate : callable
        Returns where the nodes of some uids are, as text, or "" if that is unknown.
    """

    AGAIN, SOON = 60.0, 5.0  # seconds, after it did and after it did not

    def __init__(self, locate: Callable[[Collection[int]], str]) -> None:
        self._locate = locate
        self._asked: Any = None
        self._place, self._when = "", -math.inf

    def located(self, wait: Waiting, now: float) -> Waiting:
        """Return a wait with its place, if that is known."""
        key = wait.uids, wait.round
        another = key != self._asked and not self._place
        again = self.AGAIN if self._place else self.SOON
        if another or now - self._when >= again:
            self._place = self._locate(wait.uids)
            self._asked, self._when = key, now
        return wait._replace(place=self._place if key == self._asked else "")


def read_waiting(log_dir: Path) -> Waiting | None:
    """Return what the nodes that left a notice in ``log_dir`` are waiting for."""
    found = [each for each in notices(log_dir) if each.get("missing")]
    if not found:
        return None
    seconds = time.monotonic() - min(each["since"] for each in found)
    whom = _causes(found)
    number = min(each["round"] for each in found)
    if number == 1 and all(each["channel"] == "CONNECT" for each in found):
        told = _at_start(whom, found[0]["machines"])
        return Waiting(told, seconds, 0, tuple(sorted(whom)))
    hints = (asymmetry(each["uid"], each.get("unexpected", {})) for each in found)
    return Waiting(
        _uids(whom), seconds, number, tuple(sorted(whom)), hint="".join(hints)
    )


def _causes(found: Iterable[Mapping[str, Any]]) -> dict[int, str]:
    """Return the uids, by machine, that are waited for but do not wait themselves."""
    missing = {int(u): where for each in found for u, where in each["missing"].items()}
    waiting = {each["uid"] for each in found}
    causes = {uid: where for uid, where in missing.items() if uid not in waiting}
    return causes or missing


def _at_start(whom: Mapping[int, str], machines: int) -> str:
    missing = sorted(set(whom.values()))
    if "" in missing:  # a node of this machine
        return f"waiting for {_uids(whom)}"
    return (
        f"{machines - len(missing)} of {machines} machines, waiting for "
        f"{', '.join(missing)}"
    )


def _uids(whom: Iterable[int]) -> str:
    return f"uid {', '.join(map(str, sorted(whom)))}"
