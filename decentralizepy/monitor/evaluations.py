"""What the nodes of a machine measured in the newest evaluation, and the trend before it."""

import math
from collections import deque
from collections.abc import Mapping
from statistics import fmean
from typing import Any

from decentralizepy.monitor.spread import Spread
from decentralizepy.results.schedule import Evaluators

METRICS = ("test_acc", "test_loss", "train_loss")
TREND = 6  # evaluations


class Evaluations:
    """The values of each metric by round and rank, from the newest evaluation on.

    Parameters
    ----------
    evaluators : Evaluators
        The nodes that evaluate.
    uids : dict
        The uid of each rank.

    Attributes
    ----------
    earlier : sequence of (int, float)
        Rounds and mean accuracies of the last evaluations before the newest.
    measuring : dict
        By metric, the ranks that have ever measured it.
    """

    def __init__(self, evaluators: Evaluators, uids: Mapping[int, int]) -> None:
        self.evaluators, self._uids = evaluators, uids
        self.earlier: deque[tuple[int, float]] = deque(maxlen=TREND)
        self.measuring: dict[str, set[int]] = {metric: set() for metric in METRICS}
        self._values: dict[str, dict[int, dict[int, float]]] = {m: {} for m in METRICS}

    def add(self, rank: int, number: int, record: Mapping[str, Any]) -> None:
        """Add what a node reports of a round."""
        for metric in METRICS:
            if metric in record:
                value = record[metric]
                known = self._values[metric].setdefault(number, {})
                known[rank] = math.nan if value is None else value
                self.measuring[metric].add(rank)

    def forget(self, rank: int, done: int) -> None:
        """Forget what a node reported of the rounds after ``done``."""
        while self.earlier and self.earlier[-1][0] > done:
            self.earlier.pop()
        for rounds in self._values.values():
            for number in rounds:
                if number > done:
                    rounds[number].pop(rank, None)
        for ranks in self.measuring.values():
            ranks.discard(rank)

    def drop_older(self) -> None:
        """Keep of the rounds before the newest evaluation only the mean accuracies."""
        for metric, rounds in self._values.items():
            newest = self._newest(metric)
            if metric == "test_acc":
                past = [r for r in sorted(rounds) if r < newest and rounds[r]]
                self.earlier.extend((r, fmean(rounds[r].values())) for r in past)
            self._values[metric] = {r: v for r, v in rounds.items() if r >= newest}

    def spread(self, metric: str) -> Spread | None:
        """Return a metric in the newest round in which half of the nodes measured it."""
        newest = self._newest(metric)
        return Spread.of(newest, self._values[metric][newest]) if newest else None

    def whole(self) -> int:
        """Return the newest round with all of its tests; 0 if there is none."""
        rounds = self._values["test_acc"].items()
        return max(
            (r for r, of in rounds if len(of) == self._due("test_acc", r)), default=0
        )

    def worst(self, count: int) -> list[tuple[int, float]]:
        """Return the ranks of lowest accuracy in the newest evaluation, with it."""
        values = self._values["test_acc"].get(self._newest("test_acc"), {})
        return sorted(values.items(), key=lambda item: (item[1], item[0]))[:count]

    def _newest(self, metric: str) -> int:
        rounds = self._values[metric].items()
        half = (r for r, of in rounds if 2 * len(of) >= self._due(metric, r))
        return max(half, default=0)

    def _due(self, metric: str, number: int) -> int:
        """Return how many processes of this machine measure a metric in a round."""
        if not self.evaluators.sampled:
            return max(len(self.measuring[metric]), 1)
        uids = self._uids.values()
        return sum(self.evaluators.include(uid, number - 1) for uid in uids)
