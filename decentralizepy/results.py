"""What a node measured, when it is due, and the files it is written to."""

import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from decentralizepy.files import write_atomic

METRICS = (
    "train_loss",
    "test_loss",
    "test_acc",
    "validation_loss",
    "validation_acc",
    "total_bytes",
    "total_meta",
    "total_data_per_n",
)


class Schedule:
    """Say in which rounds a node evaluates itself.

    Evaluations come every ``test_after`` and ``train_evaluate_after`` rounds; from the
    50th test on, half as often (upstream's rule, so that long runs stay comparable).

    Parameters
    ----------
    test_after, train_evaluate_after : int
        Rounds between two evaluations on test data, and on the node's own.
    """

    THINNING = 49

    def __init__(self, test_after: int, train_evaluate_after: int) -> None:
        self.test_after, self.train_evaluate_after = test_after, train_evaluate_after
        self.until_test, self.until_train = test_after, train_evaluate_after
        self.tests, self.change = 0, 1

    def step(self) -> tuple[bool, bool]:
        """Count a round; return whether (train loss, test) are due in it."""
        self.until_test -= 1
        self.until_train -= 1
        train, test = self.until_train == 0, self.until_test == 0
        if train:
            self.until_train = self.train_evaluate_after * self.change
        if test:
            self.until_test = self.test_after * self.change
            self.tests += 1
            if self.tests == self.THINNING:
                self.change = 2
        return train, test


class Results:
    """One node's measurements: a JSON line a round, and upstream's file made of them.

    The lines, in ``<rank>_results.jsonl``, are whole after each round whatever happens
    later; ``<rank>_results.json`` holds ``{metric: {round: value}}`` with rounds from
    "1", as upstream's scripts read it.

    Parameters
    ----------
    log_dir : str
    rank : int
    done : int, default 0
        Rounds whose lines are there from before, and stay.
    """

    def __init__(self, log_dir: str, rank: int, done: int = 0) -> None:
        self.path = Path(log_dir) / f"{rank}_results.jsonl"
        kept = [line for line in _lines(self.path) if line["round"] <= done]
        write_atomic(self.path, "".join(json.dumps(line) + "\n" for line in kept))
        self._file = self.path.open("a", encoding="utf-8", buffering=1)
        self._start = time.monotonic() - (kept[-1]["time"] if kept else 0)

    def add(self, round_number: int, measured: dict[str, Any]) -> None:
        """Append a round, counted from 1; what is not finite is written as null."""
        line = {"round": round_number, "time": time.monotonic() - self._start}
        line |= {name: _finite(value) for name, value in measured.items()}
        self._file.write(json.dumps(line) + "\n")

    def write(self) -> None:
        """Write upstream's file as it stands; the lines stay."""
        derive(self.path)

    def close(self) -> None:
        """Write upstream's file for the last time."""
        self._file.close()
        self.write()


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def derive(lines: Path) -> Path:
    """Write ``<rank>_results.json`` from ``<rank>_results.jsonl`` and return its path.

    A last line that was cut off, as by a kill, is left out.
    """
    table: dict[str, dict[str, Any]] = {name: {} for name in METRICS}
    for row in _lines(lines):
        number = str(row.pop("round"))
        for name, value in row.items():
            table.setdefault(name, {})[number] = value
    path = lines.with_suffix(".json")
    write_atomic(path, json.dumps(table))
    return path


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file of lines; none if there is none, as far as it is whole."""
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            return


def is_derived(lines: Path) -> bool:
    """Tell whether the file that :func:`derive` writes holds all of ``lines``."""
    path = lines.with_suffix(".json")
    return path.exists() and path.stat().st_mtime_ns >= lines.stat().st_mtime_ns
