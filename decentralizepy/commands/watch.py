"""``decentralizepy watch``: the live view of a run in progress, from another terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from decentralizepy.commands.parsers import Parser
from decentralizepy.errors import ConfigError
from decentralizepy.monitor.heading import read_manifest

if TYPE_CHECKING:
    from decentralizepy.monitor.progress import Progress

POLL_S = 0.5


def main(argv: Sequence[str]) -> int:
    """Watch a run, as ``decentralizepy watch LOGDIR``.

    Returns
    -------
    int
        The exit status: 0 if the run went well or the user has seen enough, 1 if it failed,
        2 if there is no run.
    """
    try:
        args = parser().parse_args(argv)
        return watch(args.log_dir, args.worst)
    except ConfigError as error:
        print(f"watch: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        return 0


def parser() -> Parser:
    """Return the parser of this command."""
    parser = Parser(
        "watch",
        "Show the progress of a run from its log folder, until it ends. Ctrl-C ends the view, "
        "not the run.",
        "watch runs/jwins/machine0 --worst 5",
    )
    add = parser.add_argument
    add("log_dir", metavar="LOGDIR", type=Path, help="a machine's log folder")
    add("--worst", metavar="N", type=int, default=0, help="also show the N worst nodes")
    return parser


def watch(log_dir: Path, worst: int = 0) -> int:
    """Show a run until it ends, and then its summary; return the exit status."""
    from rich.console import Console

    from decentralizepy.monitor.screen import Screen
    from decentralizepy.runs.lock import is_held

    manifest = begun(log_dir)
    progress = progress_of(log_dir, manifest)
    progress.worst = worst
    with Screen(progress) as screen:
        while not manifest["ended"] and is_held(log_dir):
            screen.update(len(progress.ranks) - progress.count_ended(0))
            time.sleep(POLL_S)
            manifest = read_manifest(log_dir) or manifest
    files = [*sorted(log_dir.glob("*.png")), *sorted(log_dir.glob("*_results.json"))]
    Console().print(progress.summary(files))
    outcome = manifest["outcome"] or "its launcher was killed"
    if outcome == "done":
        return 0
    print(f"watch: {log_dir}: the run failed: {outcome}", file=sys.stderr)
    return 1


def begun(log_dir: Path) -> dict[str, Any]:
    """Return the record of a run, once it has loaded its data.

    Raises
    ------
    ConfigError
        If none runs, or ever has run, in this folder.
    """
    from decentralizepy.runs.lock import is_held

    while not (manifest := read_manifest(log_dir)):
        if not is_held(log_dir):
            hint = "" if log_dir.is_dir() else " (there is no such folder)"
            raise ConfigError(f"{log_dir}: not the log folder of a run{hint}")
        time.sleep(POLL_S)
    return manifest


def progress_of(log_dir: Path, manifest: dict[str, Any]) -> Progress:
    """Return the progress of a run, from what its record says."""
    from decentralizepy.monitor.progress import Progress
    from decentralizepy.randomness import DEFAULT_SEED
    from decentralizepy.results.schedule import Evaluators

    flags, dataset = manifest["flags"], manifest["configuration"].get("DATASET", {})
    seed = dataset.get("random_seed", DEFAULT_SEED)
    uids = {int(rank): uid for rank, uid in manifest["uids"].items()}
    started = datetime.fromisoformat(manifest["started"])
    ended = manifest["ended"]
    until = datetime.fromisoformat(ended) if ended else datetime.now(timezone.utc)
    return Progress(
        log_dir,
        [*uids],
        flags["iterations"],
        uids=[*uids.values()],
        evaluators=Evaluators(flags["evaluate"], manifest["nodes"], seed),
        elapsed=(until - started).total_seconds(),
    )
