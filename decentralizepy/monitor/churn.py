"""Which nodes are down because of churn, and which messages were lost."""

from collections.abc import Mapping
from typing import Any

from decentralizepy.results.lines import DOWN, LOST_MESSAGES


class ChurnSeen:
    """The rows of nodes that say that they were down, or did not get a message.

    Attributes
    ----------
    down : set of int
        The ranks whose newest row says so.
    """

    def __init__(self) -> None:
        self.down: set[int] = set()
        self._counts: dict[str, dict[int, dict[int, int]]] = {
            DOWN: {},
            LOST_MESSAGES: {},
        }

    def add(self, rank: int, number: int, record: Mapping[str, Any]) -> None:
        """Add what a node reports of a round."""
        self.down.discard(rank)
        if record.get(DOWN):
            self.down.add(rank)
        for name, counts in self._counts.items():
            if record.get(name):
                counts.setdefault(rank, {})[number] = int(record[name])

    def forget(self, rank: int, done: int) -> None:
        """Forget what a node reported of the rounds after ``done``."""
        self.down.discard(rank)
        for counts in self._counts.values():
            rounds = counts.pop(rank, {})
            if kept := {n: count for n, count in rounds.items() if n <= done}:
                counts[rank] = kept

    def total(self, name: str) -> int:
        """Return ``down`` or ``lost_messages``, summed over nodes and rounds."""
        return sum(sum(rounds.values()) for rounds in self._counts[name].values())

    def now(self, finished: Mapping[int, int], rounds: int) -> str:
        """Return how many nodes with rounds left are down, to follow other text.

        Parameters
        ----------
        finished
            How many of ``rounds`` each rank has finished.
        """
        down = sum(finished[rank] < rounds for rank in self.down)
        learners = sum(rank >= 0 for rank in finished)
        return f", {down} of {learners} down" if down else ""

    def overall(self, finished: Mapping[int, int]) -> str:
        """Return what churn did in the rounds that ranks have finished; "" if nothing."""
        rounds = sum(done for rank, done in finished.items() if rank >= 0)
        return told(self.total(DOWN), rounds, self.total(LOST_MESSAGES))


def told(down: int, node_rounds: int, lost: int) -> str:
    """Return what churn did, as text; "" if it did nothing.

    >>> told(20, 160, 1)
    'nodes down in 20 of 160 node-rounds, 1 message lost'
    """
    parts = [f"nodes down in {down:,} of {node_rounds:,} node-rounds"] if down else []
    parts += [f"{lost:,} message{'s' * (lost != 1)} lost"] if lost else []
    return ", ".join(parts)
