"""Does at once what several nodes of a worker are about to do, such as a local step."""

import logging
import math
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator
from typing import Any, ClassVar, Protocol

from decentralizepy.engines.turns import Turns
from decentralizepy.errors import one_line

logger = logging.getLogger(__name__)


class Work(Protocol):
    """What one node is about to do; works of equal keys can be done together.

    Attributes
    ----------
    name : str
        What it is, in the plural.
    least : int
        How many to do at once, if there are so many: fewer waste time on the start of
        each operation, far more leave the cache. 0 for all at once.
    """

    name: ClassVar[str]
    least: ClassVar[int]

    @property
    def obstacle(self) -> str:
        """Why it has to be done alone; "" if it can be done with others."""

    @property
    def key(self) -> Hashable: ...

    def alone(self) -> Any:
        """Do the work; return its result, which is not None."""

    @staticmethod
    def together(works: list[Any]) -> list[Any]:
        """Do ``works``; return their results, with None for each that was left undone.

        If it raises an exception, all of them are still undone.
        """


class Trial:
    """Which way of doing a kind of work takes less time, found in its first meetings.

    Attributes
    ----------
    together, alone : float
        Seconds of a node, the least so far.
    """

    ALONE = (3, 5)
    LAST = 5

    def __init__(self) -> None:
        self.meetings = 0
        self.together = self.alone = math.inf

    def note_together(self, seconds: float) -> None:
        """Note what a node took in the present meeting; the first one is to warm up."""
        if self.meetings > 1:
            self.together = min(self.together, seconds)

    @property
    def result(self) -> str:
        """Why to do the work alone; "" if together is faster."""
        if self.alone >= self.together:
            return ""
        ms = f"{1e3 * self.alone:.3g} instead of {1e3 * self.together:.3g} ms"
        return f"that is faster here, {ms} per node"


class Batching:
    """Has nodes wait for each other before they work, so that they work together.

    Parameters
    ----------
    turns : Turns
        Of the nodes of this worker.
    auto : bool, default False
        Whether to do works one by one if that takes less time in the first rounds.
    clock : callable, optional
        Returns the seconds of CPU that this process has used.
    """

    def __init__(
        self,
        turns: Turns,
        auto: bool = False,
        clock: Callable[[], float] = time.process_time,
    ) -> None:
        self.turns, self.auto, self.clock = turns, auto, clock
        self._refused: dict[Hashable, str] = {}  # keys that are not done together
        self._trials: defaultdict[Hashable, Trial] = defaultdict(Trial)
        self._told: set[tuple[str, str]] = set()
        turns.gather = self._gather

    def do(self, work: Work) -> Any:
        """Do the work of the node that calls this, together with others if possible.

        What has failed together is done alone, so that an error is raised in the node
        whose code is wrong.
        """
        obstacle = work.obstacle or self._refused.get(work.key, "")
        result = None if obstacle else self.turns.meet(work)
        if result is not None:
            return result
        self.tell(work.name, obstacle or self._refused.get(work.key, ""))
        if obstacle or not self.auto:
            return work.alone()
        trial, start = self._trials[work.key], self.clock()
        result = work.alone()
        trial.alone = min(trial.alone, self.clock() - start)
        return result

    def tell(self, name: str, obstacle: str) -> None:
        """Log why works of this name are done one by one, once per worker and reason."""
        if obstacle and (name, obstacle) not in self._told:
            self._told.add((name, obstacle))
            logger.warning("%s are not batched, but one by one: %s", name, obstacle)

    def _gather(self, works: list[Work]) -> list[Any]:
        """Return the results of ``works``, with None for those left undone."""
        results: list[Any] = [None] * len(works)
        groups: dict[Hashable, list[int]] = {}
        for place, work in enumerate(works):
            groups.setdefault(work.key, []).append(place)
        for key, places in groups.items():
            if len(places) == 1 or self._are_alone(key):
                continue
            for part in chunks(places, works[places[0]].least):
                done = self._together(key, [works[place] for place in part])
                for place, result in zip(part, done, strict=True):
                    results[place] = result
        return results

    def _are_alone(self, key: Hashable) -> bool:
        """Return whether works are done one by one in this meeting."""
        if key in self._refused or not self.auto:
            return key in self._refused
        trial = self._trials[key]
        trial.meetings += 1
        if trial.meetings > Trial.LAST and trial.result:
            self._refused[key] = trial.result
            return True
        return trial.meetings in Trial.ALONE

    def _together(self, key: Hashable, works: list[Work]) -> list[Any]:
        if key in self._refused:  # since an earlier part
            return [None] * len(works)
        start = self.clock()
        try:
            results = works[0].together(works)
        except Exception as error:  # of the user's code, or torch cannot batch it
            self._refused[key] = f"{type(error).__name__}: {one_line(error)}"
            return [None] * len(works)
        if self.auto:
            seconds = (self.clock() - start) / len(works)
            self._trials[key].note_together(seconds)
        return results


def chunks(places: list[int], least: int) -> Iterator[list[int]]:
    """Yield consecutive parts of nearly equal size, of at least ``least`` if possible."""
    count = max(1, len(places) // least) if least else 1
    for number in range(count):
        first, end = (len(places) * edge // count for edge in (number, number + 1))
        yield places[first:end]
