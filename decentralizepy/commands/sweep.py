"""``decentralizepy sweep``: run an experiment with many settings and seeds."""

from __future__ import annotations

import shlex
import sys
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from decentralizepy import cli, factory, utils
from decentralizepy.commands.parsers import with_run_flags
from decentralizepy.config import flags
from decentralizepy.errors import ConfigError, DataError, DecentralizepyError
from decentralizepy.runs.signals import Stopped, end_once
from decentralizepy.sweeps import points as grids

if TYPE_CHECKING:
    from rich.table import Table

    from decentralizepy.sweeps.plan import Job

# what every run imports; once before the forks, so that all runs are of one version
PARTS = (
    "commands.run",
    "communication.InProcess",
    "datasets.generated",
    "engines.debug",
    "engines.packed",
    "figures.overview",
    "figures.preload",
    "monitor.screen",
    "runs.manifest",
    "runs.mean_model",
    "runs.rehearsal",
)
OWN = ("set", "config_file", "seeds", "points", "jobs", "dry_run", "output")
REFUSED = ("log_dir", "weights_store_dir", "resume", "machine_id", "pdb")
ABOUT = """\
Run FILE.ini once for each combination of the values given, several runs at once. Each
run is a point, with a folder of its own in DIR. Points that are done are not repeated:
the same command resumes a sweep that was stopped, and retries what failed. All points
are checked before the first one starts.

example:
  decentralizepy sweep config.ini --set SHARING.sharing_class=Sharing,JWINS \\
      --set OPTIMIZER_PARAMS.lr=0.05,0.1 --seeds 1..5 -is 100
  decentralizepy compare config_sweep
"""


def main(argv: Sequence[str]) -> int:
    """Run a sweep; the first word may be the INI file.

    Returns
    -------
    int
        The exit status: 0, 1 if a point failed, 2 for a mistake by the user, 130 after
        Ctrl-C.
    """
    chosen = utils.given(utils.file_first(argv), parser())
    try:
        with end_once():
            return sweep(chosen)
    except (DecentralizepyError, Stopped) as error:
        print(error, file=sys.stderr)
        return error.exit_status


def parser() -> ArgumentParser:
    """Return the parser of this command."""
    usage = "FILE.ini [--set SECTION.KEY=V1,V2 ...] [FLAGS]"
    parser = with_run_flags("sweep", usage, ABOUT, hidden=REFUSED)
    add = parser.add_argument
    add("--seeds", metavar="1..5", default="", help="seeds of the data and the graph")
    add(
        "--points",
        metavar="FILE.csv",
        action="append",
        default=[],
        help="a point per line; columns SECTION.KEY, and name; may be repeated",
    )
    add("--jobs", type=int, metavar="N", help="runs at once (default: measured)")
    add("--dry-run", action="store_true", help="check and list the points, run nothing")
    add("-o", "--output", metavar="DIR", help="default: <name of FILE.ini>_sweep")
    return parser


def sweep(chosen: Mapping[str, Any]) -> int:
    """Check, run and report all points; return the exit status."""
    from decentralizepy.sweeps.plan import plan

    _check_flags(chosen)
    path = chosen.get("config_file", "config.ini")
    out = Path(chosen["output"] or f"{Path(path).stem}_sweep")
    words = ["--config_file", path, *_shared(chosen)]
    jobs = plan(find_points(chosen, path), words, out, "overwrite" in chosen)
    if chosen["dry_run"]:
        _list(jobs, words)
        return 0
    return _run(jobs, words, out, chosen["jobs"])


def find_points(chosen: Mapping[str, Any], path: str) -> list[grids.Point]:
    """Return the points that the flags describe.

    Raises
    ------
    ConfigError
        If they describe none, or the same one twice.
    """
    from decentralizepy.sweeps.plan import seed_keys

    rows = grids.crossed([grids.rows(path) for path in chosen["points"]])
    found = grids.grid(grids.axes(chosen.get("set", ())), rows)
    if chosen["seeds"]:
        seeds = grids.seeds(chosen["seeds"])
        found = [
            point.seeded(seed, seed_keys(path, point.settings, seed))
            for point in found
            for seed in seeds
        ]
    if not found[0].name:
        raise ConfigError(
            "nothing to sweep over: expected --set SECTION.KEY=V1,V2, --seeds or --points"
        )
    return found


def _check_flags(chosen: Mapping[str, Any]) -> None:
    for name in REFUSED:
        if name in chosen:
            raise ConfigError(f"--{name}: a sweep has none; it sets those of its runs")
    if chosen["jobs"] is not None and chosen["jobs"] < 1:
        raise ConfigError(f"--jobs {chosen['jobs']}: expected an integer, at least 1")


def _shared(chosen: Mapping[str, Any]) -> list[str]:
    """Return the flags of the runs, as words."""
    own = (*OWN, "overwrite")
    shared = {k: v for k, v in chosen.items() if k not in own and v is not None}
    return [*flags.words(shared)]


def _list(jobs: Sequence[Job], words: Sequence[str]) -> None:
    from decentralizepy.sweeps.pool import command

    for job in jobs:
        print(f"{job.point.name}: {_status(job)}")
        print(f"  decentralizepy {shlex.join(command(job, words))}")


def _status(job: Job) -> str:
    if job.checkpointed:
        return f"resumes after round {job.checkpointed}"
    return "done" if job.done else "to run"


def _run(
    jobs: Sequence[Job], words: Sequence[str], out: Path, limit: int | None
) -> int:
    from rich.console import Console

    from decentralizepy.sweeps.pool import Pool
    from decentralizepy.sweeps.record import note_order

    for name in PARTS:
        factory.find_module(f"decentralizepy.{name}")
    note_order(out, [job.point.name for job in jobs])
    left = [job for job in jobs if not job.done]
    ended = {job.point.name: job for job in jobs if job.done}
    print(
        f"{len(jobs)} points in {out}: {len(ended)} done, {len(left)} to run",
        flush=True,
    )
    try:
        for job in Pool(cli.main, words, limit).run(left):
            ended[job.point.name] = job
            count = f"[{len(ended)}/{len(jobs)}]"
            print(f"{count} {job.point.name}: {_outcome(job)}", flush=True)
    finally:
        Console().print(table(jobs, ended))
        print(f"compare them: decentralizepy compare {shlex.quote(str(out))}")
    return 0 if all(job.done for job in ended.values()) else 1


def _outcome(job: Job) -> str:
    from decentralizepy.monitor.units import duration
    from decentralizepy.sweeps.pool import OUTPUT, reason

    took = duration(job.record.seconds)
    if job.done:
        return f"done in {took}, test accuracy {accuracy(job)}"
    status = job.record.exit_status
    return (
        f"failed ({status}) after {took}: {reason(job.folder)}; {job.folder / OUTPUT}"
    )


def accuracy(job: Job) -> str:
    """Return the last test accuracy, averaged over nodes; "-" if there is none."""
    from decentralizepy.results.read import read_runs

    try:
        (run,) = read_runs(job.folder)
        tested = run.spread("test_acc")
    except DataError:
        return "-"
    return f"{tested['mean'].iloc[-1]:.1f} %" if len(tested) else "-"


def table(jobs: Sequence[Job], ended: Mapping[str, Job]) -> Table:
    """Return one row per point: its status, accuracy and time."""
    from rich.table import Table

    from decentralizepy.monitor.units import duration

    rows = Table("point", "status", "test accuracy", "time")
    rows.columns[0].overflow = "fold"
    for job in jobs:
        found = ended.get(job.point.name)
        if found is None:
            rows.add_row(job.point.name, "not finished", "-", "-")
            continue
        status = "done" if found.done else f"failed ({found.record.exit_status})"
        time = duration(found.record.seconds)
        rows.add_row(job.point.name, status, accuracy(found), time)
    return rows
