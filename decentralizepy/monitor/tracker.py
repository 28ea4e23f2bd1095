"""Passes what nodes report to a callback, and survives what it raises."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from decentralizepy.errors import DecentralizepyError, first_line
from decentralizepy.results.write import read_final

MEAN_MODEL = "mean model"
_TESTS = ("test_", "validation_")


class Tracker:
    """Calls a callback during a run; a context manager, which ends with the run.

    Parameters
    ----------
    callback : decentralizepy.tracking.Callback.Callback or None
        None if the run has none.
    log_dir : Path
    describe : callable
        Returns the text shown of an error in the callback: its file and line first.

    Attributes
    ----------
    broken : str
        The event that raised; empty if none has.
    """

    def __init__(
        self,
        callback: Any,
        log_dir: Path,
        describe: Callable[[BaseException], str],
    ) -> None:
        self.callback, self.log_dir, self.describe = callback, log_dir, describe
        self.broken = ""
        self._started = False
        self._progress: Any = None
        self._newest: dict[int, int] = {}
        self._tested = 0
        self._rounds: dict[int, dict[int | str, Mapping[str, Any]]] = {}

    def start(self, run: Mapping[str, Any]) -> None:
        """Tell the callback what the run is."""
        self._started = True
        self._call("on_run_start", run)

    def follow(self, progress: Any) -> None:
        """Pass on what ``progress``, a Tally, reads from now on; it may be a new attempt."""
        if self.callback is not None:
            self._finish()
            progress.heard = self._hear
            self._progress = progress

    def update(self) -> None:
        """Call the callback for the rounds that all nodes have finished."""
        if self._progress is None:
            return
        self._pass_on(self._progress.slowest)
        number, metrics = self._progress.mean_model
        if number > self._tested:
            self._tested = number
            self._call("on_evaluation", number, {MEAN_MODEL: metrics})

    def _hear(self, uid: int, row: Mapping[str, Any]) -> None:
        """Keep a node's row until its round is over, unless it is a repeated round."""
        number = row["round"]
        if number > self._newest.get(uid, 0):
            self._newest[uid] = number
            kept = {name: row[name] for name in row if name not in ("round", "rank")}
            self._rounds.setdefault(number, {})[uid] = kept

    def _pass_on(self, last: float) -> None:
        """Call the callback for the rounds up to ``last``."""
        for number in sorted(each for each in self._rounds if each <= last):
            rows = self._rounds.pop(number)
            self._call("on_round_end", number, rows)
            if tested := {uid: rows[uid] for uid in rows if _is_test(rows[uid])}:
                self._call("on_evaluation", number, tested)

    def _finish(self) -> None:
        """Pass on all that the nodes have reported."""
        if self._progress is not None:
            self._progress.poll()
            self.update()
            self._pass_on(float("inf"))

    def _call(self, event: str, *arguments: Any) -> None:
        if self.callback is None or self.broken:
            return
        try:
            getattr(self.callback, event)(*arguments)
        except Exception as error:  # a bug in the user's class, or a tracker's trouble
            self.broken = f"{type(self.callback).__name__}.{event}"
            told = "the callback is not called again; the run continues"
            print(f"{self.describe(error)}in {self.broken}: {told}", file=sys.stderr)

    def __enter__(self) -> "Tracker":
        return self

    def __exit__(
        self, kind: object, error: BaseException | None, trace: object
    ) -> None:
        if not self._started:
            return
        self._finish()
        outcome = "done"
        if error is not None:
            outcome = first_line(error)
            self._call("on_failure", outcome)
        final = {
            name: _newest(rounds) for name, rounds in read_final(self.log_dir).items()
        }
        self._call("on_run_end", outcome, final)
        if self.broken and error is None:
            raise DecentralizepyError(
                f"{self.broken} failed, so tracking is incomplete; the results in "
                f"{self.log_dir} are whole"
            )


def _is_test(row: Mapping[str, Any]) -> bool:
    return any(name.startswith(_TESTS) for name in row)


def _newest(rounds: Mapping[str, float]) -> float:
    return rounds[max(rounds, key=int)]
