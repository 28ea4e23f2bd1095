"""Statistics of a run in progress, read from the results files of its nodes."""

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from statistics import median_low
from typing import Any

from decentralizepy.monitor.churn import ChurnSeen
from decentralizepy.monitor.evaluations import Evaluations
from decentralizepy.monitor.spread import Spread
from decentralizepy.monitor.stragglers import Waits
from decentralizepy.results.columns import parsed
from decentralizepy.results.lines import BYZANTINE, KEPT, SHARED, STOPPED
from decentralizepy.results.schedule import MEAN_MODEL, Evaluators
from decentralizepy.results.write import newest_final

SLACK_S = 1.0  # file systems' clocks are behind


class Tally:
    """Aggregate what the nodes of one machine report, or those of several.

    Parameters
    ----------
    log_dir : Path or str
        The machine's folder; node r appends to ``<r>_results.jsonl`` there, or all nodes
        to one file.
    ranks : list of int
        The processes of this machine; services have negative ranks.
    iterations : int
        Number of rounds of the run.
    clock : callable, default=time.monotonic
        Returns seconds; ``seconds`` counts from construction.
    uids : list of int, optional
        The uids of the ``ranks``; by default the ranks themselves, as on machine 0.
    evaluators : Evaluators, optional
        The nodes that evaluate; by default all.
    elapsed : float, default 0
        Seconds since the run began.
    places : dict, optional
        For several machines: the folder of each uid, and its rank there. ``ranks`` are
        then these uids.

    Attributes
    ----------
    begun : set of int
        The ranks that have passed the start barrier.
    evaluations : Evaluations
    mean_model : (int, dict)
        If it is tested instead of the nodes' models: the newest round, and its metrics.
    finished : dict
        The last round of each rank, 0 before its first.
    byzantine : set of int
        The ranks of Byzantine nodes, whose measurements are left out.
    churn : ChurnSeen
    waits : Waits
        Who waited for whom.
    """

    def __init__(
        self,
        log_dir: Path | str,
        ranks: list[int],
        iterations: int,
        clock: Callable[[], float] = time.monotonic,
        uids: Sequence[int] | None = None,
        evaluators: Evaluators | None = None,
        elapsed: float = 0.0,
        places: Mapping[int, tuple[Path, int]] | None = None,
    ) -> None:
        self.log_dir, self.ranks = Path(log_dir), list(ranks)
        self._places = places or {rank: (self.log_dir, rank) for rank in self.ranks}
        self._known = {place: rank for rank, place in self._places.items()}
        self._folders: dict[Path, list[int]] = {}
        for (folder, _), rank in self._known.items():
            self._folders.setdefault(folder, []).append(rank)
        self.waits = Waits()
        self._uids = dict(zip(ranks, uids or ranks, strict=True))
        self.iterations = iterations
        self.evaluators = evaluators or Evaluators()
        self.clock = clock
        self._started, self._moved = clock() - elapsed, clock()
        self._since = time.time() - elapsed - SLACK_S
        self.begun: set[int] = set()
        self._ended: float | None = None
        self.evaluations = Evaluations(self.evaluators, self._uids)
        self.mean_model: tuple[int, dict[str, Any]] = (0, {})
        self.finished: dict[int, int] = {}
        self.byzantine: set[int] = set()
        self.churn = ChurnSeen()
        self._offsets: dict[Path, int] = {}
        self._last: dict[int, dict[str, float]] = {}
        for rank in self.ranks:
            self._forget(rank)

    def poll(self) -> None:
        """Read what was appended since the last poll."""
        before = self.slowest
        for folder, here in self._folders.items():
            lines = self._appended(folder / SHARED, here)
            for rank, record in chain.from_iterable(map(parsed, lines)):
                self._add_shared(folder, rank, record)
            for rank in here if folder / SHARED not in self._offsets else ():
                path = folder / f"{self._places[rank][1]}_results.jsonl"
                for line in self._appended(path, [rank]):
                    self._add(rank, _record(line))
        self.begun.update(rank for rank, rounds in self.finished.items() if rounds)
        if self.slowest > before:
            self._moved = self.clock()
        if self.evaluators.which == MEAN_MODEL:
            self.mean_model = newest_final(self.log_dir)
        self.evaluations.drop_older()

    @property
    def slowest(self) -> int:
        """The last round that every node has finished."""
        return min((self.finished[rank] for rank in self._leading()), default=0)

    @property
    def median(self) -> int:
        """The last round that half of the nodes have finished."""
        rounds = [self.finished[rank] for rank in self._leading()]
        return median_low(rounds) if rounds else 0

    @property
    def accuracy(self) -> Spread | None:
        """Test accuracy in percent, for the newest round that half of the nodes tested."""
        return self.evaluations.spread("test_acc")

    @property
    def test_loss(self) -> Spread | None:
        """Test loss, for the newest round that half of the nodes tested."""
        return self.evaluations.spread("test_loss")

    @property
    def train_loss(self) -> Spread | None:
        """Training loss, for the newest round in which half of the nodes measured it."""
        return self.evaluations.spread("train_loss")

    @property
    def evaluated(self) -> int:
        """The newest round with all of its tests; 0 if there is none."""
        return self.mean_model[0] or self.evaluations.whole()

    @property
    def reporting(self) -> int:
        """How many processes have reported a round."""
        return sum(rounds > 0 for rounds in self.finished.values())

    @property
    def total_bytes(self) -> int:
        """Bytes sent by all processes."""
        return int(sum(last.get("total_bytes", 0) for last in self._last.values()))

    @property
    def total_meta(self) -> int:
        """The part of these bytes that carried no parameters."""
        return int(sum(last.get("total_meta", 0) for last in self._last.values()))

    @property
    def bytes_per_round(self) -> float:
        """Mean bytes per round sent by all processes."""
        return sum(
            last.get("total_bytes", 0) / max(self.finished[rank], 1)
            for rank, last in self._last.items()
        )

    @property
    def seconds(self) -> float:
        """Seconds since construction, until :meth:`end`."""
        now = self.clock() if self._ended is None else self._ended
        return now - self._started

    def end(self) -> None:
        """Stop counting ``seconds``: what follows is no part of the run."""
        self._ended = self.clock()

    def count_ended(self, alive: int) -> int:
        """Return how many processes have finished all rounds and ended."""
        done = sum(
            rounds >= self.iterations or STOPPED in self._last[rank]
            for rank, rounds in self.finished.items()
        )
        return min(done, len(self.ranks) - alive)

    @property
    def stopped_at(self) -> float | None:
        """The mean accuracy that has ended the run early, in percent; None if none has."""
        means = [
            last["mean_test_acc"] for last in self._last.values() if STOPPED in last
        ]
        return means[0] if means else None

    @property
    def testing(self) -> int:
        """How many nodes test: all of them, or only a parameter server."""
        served = any(rank < 0 for rank in self.evaluations.measuring["test_acc"])
        return 1 if served else sum(rank >= 0 for rank in self.ranks)

    @property
    def pace(self) -> float | None:
        """Seconds per round of the slowest node; None before its first round."""
        rank = min(self._leading(), key=self.finished.__getitem__, default=None)
        if rank is None or not self.finished[rank] or "time" not in self._last[rank]:
            return None
        return self._last[rank]["time"] / self.finished[rank]

    @property
    def remaining(self) -> float | None:
        """Estimated seconds until the end.

        None before the first round is over, and when the run takes longer than estimated.
        """
        if self.pace is None:
            return None
        left = self.pace * (self.iterations - self.slowest)
        left -= self.clock() - self._moved
        return left if left >= 1 else None

    def _leading(self) -> list[int]:
        """Return the ranks whose rounds count as those of the run.

        A parameter server counts every round, its clients only those in which they
        participate; a peer sampler reports none.
        """
        servers = [rank for rank in self.ranks if rank < 0 and self.finished[rank]]
        return servers or [rank for rank in self.ranks if rank >= 0]

    def _appended(self, path: Path, ranks: Sequence[int]) -> list[bytes]:
        """Return the new lines of a file, which are of ``ranks``."""
        offset = self._offsets.get(path, 0)
        try:
            found = os.stat(path)
            self._offsets.setdefault(path, 0)
            if len(ranks) == 1 and found.st_mtime >= self._since:
                self.begun.update(ranks)
            size = found.st_size
            if size == offset:
                return []
            if size < offset:  # from an earlier run, now overwritten
                offset = 0
                for rank in ranks:
                    self._forget(rank)
            with open(path, "rb") as file:
                file.seek(offset)
                data = file.read()
        except OSError:  # not created yet, for example: the view must never end the run
            return []
        whole = data[: data.rfind(b"\n") + 1]  # the last line may be half written
        self._offsets[path] = offset + len(whole)
        return whole.splitlines()

    def _forget(self, rank: int, done: int = 0) -> None:
        """Forget what a node reported of the rounds after ``done``."""
        self.finished[rank] = min(self.finished.get(rank, 0), done)
        self._last.setdefault(rank, {})
        self.waits.forget(self._uids[rank])
        self.evaluations.forget(rank, done)
        self.churn.forget(rank, done)
        if not done:
            self._last[rank] = {}

    def _add_shared(self, folder: Path, place: int, record: dict[str, Any]) -> None:
        rank = self._known.get((folder, place))
        if rank is not None:
            if KEPT in record:
                self._forget(rank, record[KEPT])
                self.begun.add(rank)
            self._add(rank, record)

    def _add(self, rank: int, record: dict[str, Any]) -> None:
        number = record.get("round")
        if not isinstance(number, int):
            return
        self.finished[rank] = max(number, self.finished[rank])
        self._last[rank].pop(STOPPED, None)  # of a run that this one resumes
        self.waits.add(self._uids[rank], record)
        self.churn.add(rank, number, record)
        if record.get(BYZANTINE):
            self.byzantine.add(rank)
        else:
            self.evaluations.add(rank, number, record)
        told = {key: value for key, value in record.items() if value is not None}
        self._last[rank].update(told)


def _record(line: bytes) -> dict[str, Any]:
    """Return a line of a node's own file; nothing if it is damaged."""
    try:
        return dict(json.loads(line))
    except (ValueError, TypeError):
        return {}
