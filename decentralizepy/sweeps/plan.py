"""Checks every point of a sweep before the first one starts."""

import contextlib
import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from decentralizepy import factory
from decentralizepy.checkpoints import common_rounds
from decentralizepy.config import flags, ini, places
from decentralizepy.config.assignments import Assignment, override
from decentralizepy.config.signatures import Options
from decentralizepy.errors import ConfigError
from decentralizepy.runs.experiment import Experiment
from decentralizepy.sweeps import record
from decentralizepy.sweeps.points import Point

SEEDED = (("DATASET", "dataset", "random_seed"), ("GRAPH", "graph", "seed"))
MACHINE = "machine0"


@dataclass(frozen=True)
class Job:
    """A point that has been checked.

    Attributes
    ----------
    point : Point
    folder : Path
        The point's folder, in that of the sweep.
    record : Record
        What its file has to say of it, once it has started.
    done : bool
        Whether an earlier sweep has run it to its end.
    checkpointed : int
        The newest round that an earlier sweep left checkpoints of; 0 if none.
    ports : range or None
        The ports of its nodes, if its file gives an offset of them.
    """

    point: Point
    folder: Path
    record: record.Record
    done: bool
    checkpointed: int
    ports: range | None

    @property
    def log_dir(self) -> Path:
        """The log folder of its run."""
        return self.folder / MACHINE


def seed_keys(path: str, settings: Sequence[Assignment], seed: int) -> list[Assignment]:
    """Return what a seed sets: those of the data set and of the graph.

    Raises
    ------
    ConfigError
        If the classes take no seed, or ``--set`` sets it.
    """
    places.importable(path)
    config = ini.read(path)
    override(config, map(str, settings))
    found = []
    for section, prefix, key in SEEDED:
        if config.get(section, {}).get(f"{prefix}_class"):
            cls = factory.load_class(config[section], prefix)
            if key in Options.of(cls).known:
                found.append(Assignment(section, key, str(seed)))
    if not found:
        raise ConfigError("--seeds: neither the data set nor the graph takes a seed")
    for each in settings:
        if each[:2] in {other[:2] for other in found}:
            raise ConfigError(
                f"{each.section}.{each.key}: set by --seeds; give only one"
            )
    return found


def plan(
    points: Sequence[Point], words: Sequence[str], out: Path, overwrite: bool
) -> list[Job]:
    """Check all points, and find which of them are done.

    Parameters
    ----------
    points
    words
        The flags of ``decentralizepy run`` that all points share.
    out
        The folder of the sweep.
    overwrite
        Whether to redo points that are done.

    Raises
    ------
    ConfigError
        With one line for each mistake, whichever points have it.
    """
    loaded, mistakes, warnings = {}, dict[str, list[str]](), dict[str, None]()
    for point in points:
        said = io.StringIO()
        try:
            with contextlib.redirect_stderr(said):
                loaded[point] = Experiment.load([*words, *set_flags(point.settings)])
        except ConfigError as error:
            for line in str(error).splitlines():
                mistakes.setdefault(line, []).append(point.name)
        warnings |= dict.fromkeys(said.getvalue().splitlines())
    if mistakes:
        raise ConfigError("\n".join(_everywhere(mistakes, len(points))))
    for warning in [*warnings, *in_vain(loaded)]:
        print(warning, file=sys.stderr)
    jobs = [_job(point, each, out, overwrite) for point, each in loaded.items()]
    _check_distinct(jobs)
    return jobs


def set_flags(settings: Iterable[Assignment]) -> list[str]:
    """Return assignments as words of a command line."""
    return [*flags.words({"set": map(str, settings)})]


def in_vain(loaded: Mapping[Point, Experiment]) -> list[str]:
    """Return warnings of assignments to keys that change nothing in any point."""
    told: dict[tuple[str, ...], list[str]] = {}
    for point, experiment in loaded.items():
        given = [*experiment.settings.told(experiment.parts, experiment.args)]
        for each, (text, idle) in zip(point.settings, given, strict=False):
            told.setdefault(each[:2], []).append(text if idle else "")
    return list(
        dict.fromkeys(each for all_ in told.values() if all(all_) for each in all_)
    )


def _everywhere(mistakes: Mapping[str, Sequence[str]], total: int) -> Iterable[str]:
    for line, names in mistakes.items():
        if len(names) == total:
            yield line
        else:
            yield f"{line} ({len(names)} of {total} points, such as {names[0]})"


def _job(point: Point, experiment: Experiment, out: Path, overwrite: bool) -> Job:
    args, folder = experiment.args, out / point.name
    if args.machines > 1:
        raise ConfigError("a sweep runs on one machine; expected --machines 1")
    settings = [str(each) for each in point.settings]
    group = point.name if point.seed is None else point.group
    new = record.Record(settings, record.digest(experiment), group, point.seed)
    old = None if overwrite else record.read(folder)
    if old and old.digest != new.digest:
        raise ConfigError(
            f"{folder}: holds a point of another configuration; expected another "
            "--output, or --overwrite to redo all points"
        )
    kept = old if old and old.status == "done" else None
    rounds = common_rounds(str(folder / MACHINE), experiment.checkpointing)
    newest = next(rounds, 0) if old and not kept else 0
    return Job(point, folder, kept or new, kept is not None, newest, ports(experiment))


def ports(experiment: Experiment) -> range | None:
    """Return the ports that a run's file names, with those of its services and launcher."""
    offset = experiment.parts["COMMUNICATION"].options.get("offset")
    if offset is None:  # each launcher finds free ones
        return None
    return range(offset - 4, offset + 2 * experiment.graph.n_procs + 4)


def _check_distinct(jobs: Iterable[Job]) -> None:
    """Raise a ConfigError if two points are the same run."""
    first: dict[str, str] = {}
    for job in jobs:
        name = job.point.name
        same = first.setdefault(job.record.digest, name)
        if same != name:
            cause = "are the same run; what differs has no effect"
            raise ConfigError(f"points {same} and {name} {cause}")
