"""The peers that the nodes of this machine are waiting for, from their notices."""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from decentralizepy.node.notice import notices


class Waiting(NamedTuple):
    """A wait: for whom, for how many seconds, and in which round (0: at the start)."""

    whom: str
    seconds: float
    round: int

    def __str__(self) -> str:
        if self.round:
            return (
                f"waiting for {self.whom} for {self.seconds:.0f} s, round {self.round}"
            )
        return f"start: {self.whom} for {self.seconds:.0f} s"


def read_waiting(log_dir: Path) -> Waiting | None:
    """Return what the nodes that left a notice in ``log_dir`` are waiting for."""
    found = [each for each in notices(log_dir) if each.get("missing")]
    if not found:
        return None
    seconds = time.monotonic() - min(each["since"] for each in found)
    whom = _causes(found)
    number = min(each["round"] for each in found)
    if number == 1 and all(each["channel"] == "CONNECT" for each in found):
        return Waiting(_at_start(whom, found[0]["machines"]), seconds, 0)
    return Waiting(_uids(whom), seconds, number)


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
