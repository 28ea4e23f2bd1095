"""Runs and sweeps that a script or a notebook starts."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from decentralizepy import launcher
from decentralizepy.commands import sweep as command
from decentralizepy.config import ini
from decentralizepy.config.assignments import Assignment, parsed
from decentralizepy.config.places import shipped
from decentralizepy.errors import ConfigError
from decentralizepy.library import keywords
from decentralizepy.library.loaded import Run, load
from decentralizepy.monitor.output import unfailing
from decentralizepy.placement.placed import free_ports
from decentralizepy.runs.experiment import Experiment
from decentralizepy.runs.here import run_here
from decentralizepy.runs.signals import Stopped, end_once
from decentralizepy.sweeps import record
from decentralizepy.sweeps.plan import MACHINE, seed_keys

if TYPE_CHECKING:
    from pandas import DataFrame

    Given = Mapping[str, Any] | str | int | float | os.PathLike[str] | Sequence[int]

INTERRUPTED = 130
NUMBERS = ("final", "spread", "worst", "best", "mean_model", "distance", "sent")


def run(
    file: str | os.PathLike[str] = "config.ini",
    *,
    seed: int | None = None,
    engine: Literal["process", "packed", "debug"] | None = None,
    **given: Given | None,
) -> Run:
    """Run an experiment to its end, on this machine.

    Nodes are processes forked from this one, so classes may be defined in the script, or
    in a cell of a notebook. With ``engine="debug"``, all nodes run in this process. The
    run prints what the command ``decentralizepy run`` prints.

    Parameters
    ----------
    file
        An INI file, or the name of an installed example: ``digits``.
    seed
        Sets ``[DATASET] random_seed`` and, if the graph takes one, ``[GRAPH] seed``.
    engine
        By default as in section RUN, or ``process``.
    **given
        Sections in lower case, as dicts: ``sharing={"alpha": 0.1}``; and flags by their
        long names: ``iterations=100, log_dir="runs/a"``. They take precedence over the
        file. A class may be given as an object: ``sharing={"sharing_class": Half}``.
        With ``log_dir``, weights are saved in its folder ``weights`` by default.

    Returns
    -------
    Run
        The log folder, what was measured, the final models, and the graph.

    Raises
    ------
    ConfigError
        For any mistake in the file or the arguments, before anything starts.
    NodeFailed
        If a node fails.
    KeyboardInterrupt
        After Ctrl-C, or if the kernel of a notebook is interrupted. As after a failure,
        ``load`` returns what was measured.

    Examples
    --------
    >>> import decentralizepy as dp
    >>> run = dp.run("config.ini", sharing={"alpha": 0.1}, seed=3)  # doctest: +SKIP
    >>> run.spread("test_acc")["mean"].plot()  # doctest: +SKIP
    """
    path = shipped(os.fspath(file))
    chosen = keywords.chosen(path, {"engine": engine, **given})
    written = ini.read(path).get("RUN", {})
    if "log_dir" in chosen and "weights_store_dir" not in {**written, **chosen}:
        chosen["weights_store_dir"] = os.path.join(chosen["log_dir"], "weights")
    if seed is not None:
        settings = [parsed(text) for text in chosen["set"]]
        chosen["set"] += map(str, seed_keys(path, settings, seed))
    experiment = Experiment.of(chosen)
    log_dir = experiment.args.log_dir
    try:
        with unfailing(), free_ports(experiment):
            run_here(lambda: launcher.run(experiment))
    except Stopped as stop:
        raise _interrupt(stop, f"decentralizepy.load({str(log_dir)!r})") from None
    return load(log_dir)


def sweep(
    file: str | os.PathLike[str] = "config.ini",
    *,
    seeds: Iterable[int] = (),
    output: str | os.PathLike[str] | None = None,
    jobs: int | None = None,
    **given: Given | None,
) -> DataFrame:
    """Run an experiment with many settings and seeds, several runs at once.

    Each run is a process of its own. Runs that are done are not repeated: the same call
    resumes a sweep that was interrupted, and retries runs that failed.

    Parameters
    ----------
    file
        An INI file.
    seeds
        The seeds of each point.
    output
        The folder of the sweep; by default ``<name of the file>_sweep``.
    jobs
        The number of runs at once; by default measured on the first one.
    **given
        Sections and flags, as for :func:`run`. A list in a section holds values to combine
        with all others: ``sharing={"alpha": [0.1, 0.2]}``.

    Returns
    -------
    DataFrame
        One row per point, indexed by its name. Columns: each setting as ``SECTION.key``;
        ``seed``; ``status`` (``done`` or ``failed``); ``seconds``; ``log_dir``; and of
        those that are done ``final``, ``spread``, ``worst``, ``best``, ``mean_model``,
        ``distance`` and ``sent``, as in the table of ``decentralizepy compare``.

    Warns
    -----
    RuntimeWarning
        If points failed, whose rows have no numbers.

    Raises
    ------
    ConfigError
        For any mistake in the file or the arguments, before anything starts.
    KeyboardInterrupt
        After Ctrl-C, or if the kernel of a notebook is interrupted.
    """
    path = shipped(os.fspath(file))
    sections = {k: _axes(v) for k, v in given.items() if isinstance(v, Mapping)}
    chosen = keywords.chosen(path, {**given, **sections})
    out = Path(output or f"{Path(path).stem}_sweep")
    chosen |= {"seeds": ",".join(map(str, seeds)), "points": "", "jobs": jobs}
    try:
        with end_once():
            command.sweep({**chosen, "output": out, "dry_run": False})
    except Stopped as stop:
        raise _interrupt(stop, "the same call resumes the sweep") from None
    found = points(out)
    if failed := [*found.index[found["status"] != "done"]]:
        told = f"{len(failed)} of {len(found)} points failed: {', '.join(failed)}"
        warnings.warn(told, RuntimeWarning, stacklevel=2)
    return found


def points(folder: Path) -> DataFrame:
    """Return one row per point of a sweep; see :func:`sweep`."""
    import pandas as pd

    found = {name: record.read(folder / name) for name in record.order(folder)}
    started = {name: point for name, point in found.items() if point}
    rows = {
        name: {
            **{f"{each.section}.{each.key}": each.value for each in _settings(point)},
            "seed": point.seed,
            "status": point.status,
            "seconds": point.seconds,
            "log_dir": str(folder / name / MACHINE),
        }
        for name, point in started.items()
    }
    frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("point")
    done = [name for name, point in started.items() if point.status == "done"]
    return frame.join(_numbers(folder, done)) if done else frame


def _settings(point: record.Record) -> Iterator[Assignment]:
    return map(parsed, point.settings)


def _numbers(folder: Path, names: Sequence[str]) -> DataFrame:
    """Return what was measured in the runs of some points."""
    from decentralizepy.results.methods import Method
    from decentralizepy.results.statistics import compare

    runs = [load(folder / name).results for name in names]
    numbers = compare([Method(run.name, (run,)) for run in runs])
    numbers.index = names  # type: ignore[assignment]
    return numbers[list(NUMBERS)]


def _axes(section: Mapping[str, Any]) -> dict[str, Any]:
    """Return a section whose lists are written as ``--set`` has several values."""
    found: dict[str, Any] = {}
    for key, value in section.items():
        if isinstance(value, list):
            value = ",".join(map(keywords.written, value))
        if isinstance(value, type):
            cause = "a sweep's processes import classes; name its package and class"
            raise ConfigError(cause, key=key, value=value.__name__)
        found[key] = value
    return found


def _interrupt(stop: Stopped, hint: str) -> BaseException:
    """Return the error for a signal: Python's own for Ctrl-C."""
    if stop.exit_status == INTERRUPTED:
        return KeyboardInterrupt(f"{stop}: {hint}")
    return stop
