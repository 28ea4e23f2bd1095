"""The files that a node's measurements are written to."""

import json
import logging
import math
import time
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from decentralizepy.errors import DecentralizepyError
from decentralizepy.files import write_atomic
from decentralizepy.network.record import EVENTS
from decentralizepy.results.columns import finite
from decentralizepy.results.lines import (
    SHARED,
    in_columns,
    place_of,
    read_rows,
    read_shared,
)
from decentralizepy.results.sketch import NAME as SKETCH
from decentralizepy.results.virtual import Metrics, read_virtual

logger = logging.getLogger(__name__)

FINAL_FILE = "final.json"
MODELS = "models"  # the folder of models that the launcher has yet to average
EMPTY: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
#: Metrics that have the same bits when a run is repeated, unlike times and waits.
REPEATED = (
    "train_loss",
    "test_loss",
    "test_acc",
    "validation_loss",
    "validation_acc",
    "total_bytes",
    "total_meta",
    "total_data_per_n",
)
METRICS = (*REPEATED, "total_control")


class Results:
    """One node's measurements: one JSON line per round, and upstream's results file.

    ``<rank>_results.jsonl`` contains complete lines after each round, whatever happens
    later; nodes that take turns in a process share a file instead.
    ``<rank>_results.json`` is derived from it and maps ``{metric: {round: value}}``, with
    rounds from "1", as upstream's scripts expect. While the disk is full, lines are kept
    in memory and retried after each round. A context manager, which closes the files.

    Parameters
    ----------
    log_dir : str
    rank : int
    done : int, default 0
        Number of rounds of an earlier run whose lines are kept.

    Attributes
    ----------
    done : int
        The newest round that already has a line; 0 if there is none.
    """

    WARN_EVERY = 60.0  # seconds
    SHARE = 20  # rewriting upstream's file may take 1/20 of the time

    def __init__(self, log_dir: str, rank: int, done: int = 0) -> None:
        self._place = place_of(Path(log_dir) / f"{rank}_results.jsonl", rank)
        self.path = self._place.path
        self._unsaved: deque[str] = deque()
        self._warned = -math.inf
        self._write_next = -math.inf
        self._keep(done)

    def _keep(self, done: int) -> None:
        kept = self._place.keep(done)
        self.done = kept[-1]["round"] if kept else 0
        self._start = time.monotonic() - (kept[-1]["time"] if kept else 0)

    def forget_after(self, done: int) -> None:
        """Drop the lines of all rounds after ``done``, before any is added."""
        self._keep(done)

    def add(self, round_number: int, measured: dict[str, Any]) -> None:
        """Append a round, counted from 1; non-finite numbers are written as null."""
        line = {"round": round_number, "time": time.monotonic() - self._start}
        line |= {name: finite(value) for name, value in measured.items()}
        self._unsaved.append(json.dumps(line))
        shown = [name for name in line if name not in ("round", EVENTS, SKETCH)]
        told = [f"{name} {_brief(line[name])}" for name in shown]
        logger.info("round %d: %s", round_number, ", ".join(told))
        try:
            self._save()
        except OSError as error:
            self._warn(error)

    def write(self) -> None:
        """Write upstream's file, unless writing it has taken too much time so far.

        Of nodes that share a file, the launcher writes it at the end.
        """
        began = time.monotonic()
        if began < self._write_next or self.path.name == SHARED:
            return
        try:
            derive(self.path)
        except OSError as error:
            self._warn(error)
        ended = time.monotonic()
        self._write_next = ended + self.SHARE * (ended - began)

    def close(self) -> None:
        """Save pending lines, and write upstream's file for the last time.

        Raises
        ------
        DecentralizepyError
            If the disk is still full.
        """
        try:
            self._save()
            if self.path.name != SHARED:
                derive(self.path)
        except OSError as error:
            rounds = len(self._unsaved)
            raise DecentralizepyError(
                f"{self.path}: {error.strerror}; the last {rounds} rounds are not saved"
                if rounds
                else f"{self.path.with_suffix('.json')}: {error.strerror}; the lines are "
                f"whole in {self.path}"
            ) from error
        finally:
            self._place.close()

    def flush(self) -> None:
        """Write what is held back, before a checkpoint says that it is there."""
        try:
            self._save()
            self._place.flush()
        except OSError as error:
            self._warn(error)

    def __enter__(self) -> "Results":
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        try:
            self.close()
        except DecentralizepyError as error:
            if kind is None:
                raise
            logger.error("%s", error)  # another error ends the run

    def _save(self) -> None:
        while self._unsaved:
            self._place.append(self._unsaved[0])
            self._unsaved.popleft()

    def _warn(self, error: OSError) -> None:
        now = time.monotonic()
        if now - self._warned >= self.WARN_EVERY:
            self._warned = now
            text = "%s: %s; %d rounds are kept in memory and tried again"
            logger.warning(text, self.path, error.strerror, len(self._unsaved))


def _brief(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def derive(lines: Path) -> Path:
    """Write ``<rank>_results.json`` from ``<rank>_results.jsonl`` and return its path.

    A last line that was truncated, for example by a kill, is skipped. Besides the node's
    own metrics, the file contains the launcher's metrics over all models, if any.
    """
    path, folder = lines.with_suffix(".json"), lines.parent
    virtual = read_virtual(folder).get(int(lines.name.partition("_")[0]), {})
    write_atomic(path, _table(read_rows(lines), read_final(folder), virtual))
    return path


def derive_shared(log_dir: Path) -> None:
    """Write ``<rank>_results.json`` of all nodes that share a file.

    But not of more than 100 nodes whose rounds were run at once. The files are not synced
    to the disk one by one, which takes seconds for 1,000 nodes: what they contain is also
    in that file.
    """
    if in_columns(log_dir):
        return
    final, virtual = read_final(log_dir), read_virtual(log_dir)
    for rank, rows in read_shared(log_dir).items():
        if rows:
            path = log_dir / f"{rank}_results.json"
            table = _table(rows, final, virtual.get(rank, {}))
            write_atomic(path, table, sync=False)


def derive_all(log_dir: Path) -> None:
    """Write ``<rank>_results.json`` of all nodes."""
    for lines in log_dir.glob("*_results.jsonl"):
        derive(lines)
    derive_shared(log_dir)


def _table(
    rows: Iterable[dict[str, Any]],
    final: Mapping[str, Any],
    virtual: Metrics,
) -> str:
    table: dict[str, Any] = {name: {} for name in METRICS}
    for row in rows:
        number = str(row.pop("round"))
        for name, value in row.items():
            table.setdefault(name, {})[number] = value
    table.pop(EVENTS, None)  # for the launcher, not for a plot
    return json.dumps({**table, **virtual, **final})


def write_final(
    log_dir: Path,
    round_number: int,
    measured: dict[str, float],
    earlier: Mapping[str, Mapping[str, Any]] = EMPTY,
) -> None:
    """Write the metrics over all models of round ``round_number``.

    They are added to those of ``earlier`` rounds. :func:`derive_all` adds them to the
    nodes' results.
    """
    table = {
        name: {**earlier.get(name, {}), str(round_number): finite(value)}
        for name, value in measured.items()
    }
    write_atomic(log_dir / FINAL_FILE, json.dumps(table))


def forget_final(log_dir: Path, done: int) -> None:
    """Drop the metrics of rounds after ``done``."""
    known = read_final(log_dir)
    kept = {
        name: {number: row[number] for number in row if int(number) <= done}
        for name, row in known.items()
    }
    if kept != known:
        write_atomic(log_dir / FINAL_FILE, json.dumps(kept))


def read_final(log_dir: Path) -> dict[str, dict[str, Any]]:
    """Return what :func:`write_final` wrote; empty if the file is missing or damaged."""
    try:
        table = json.loads((log_dir / FINAL_FILE).read_text(encoding="utf-8"))
        return {
            name: {str(int(number)): row[number] for number in row}
            for name, row in table.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def newest_final(log_dir: Path) -> tuple[int, dict[str, Any]]:
    """Return the newest round that :func:`write_final` wrote, and its metrics by name.

    The round is 0 if there is none.
    """
    table = read_final(log_dir)
    number = max((int(each) for row in table.values() for each in row), default=0)
    found = {name: row.get(str(number)) for name, row in table.items()}
    return number, {name: found[name] for name in found if found[name] is not None}


def is_derived(lines: Path) -> bool:
    """Return whether the file that :func:`derive` writes contains all of ``lines``."""
    path = lines.with_suffix(".json")
    return path.exists() and path.stat().st_mtime_ns >= lines.stat().st_mtime_ns
