"""What a launcher shows of a run: its progress, figures, and a table at the end."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from decentralizepy.errors import DecentralizepyError
from decentralizepy.runs.experiment import Experiment
from decentralizepy.runs.gather import Places

if TYPE_CHECKING:
    from decentralizepy.monitor.progress import Progress


def progress_of(experiment: Experiment, places: Places | None) -> "Progress":
    """Return what reads the results of the nodes as they come.

    These are the nodes of this machine, or those at ``places``, by uid.
    """
    from decentralizepy.monitor.progress import Progress

    args = experiment.args
    uids = [*places] if places else [spec.uid for spec in experiment.specs()]
    return Progress(
        args.log_dir,
        uids if places else experiment.ranks,
        args.iterations,
        uids=uids,
        evaluators=experiment.evaluators,
        places=places,
    )


def report(progress: "Progress", folders: Sequence[Path], figures: bool) -> None:
    """Draw ``figures`` of the run, and print a table of the results and their files."""
    from rich.console import Console

    files = draw(progress.log_dir) if figures else []
    if figures and len(folders) > 1:
        files += draw(progress.whole, folders)
    for folder in folders:
        files += sorted(folder.glob("*_results.json"))
    Console().print(progress.summary(files))


def draw(log_dir: Path, parts: Sequence[Path] = ()) -> list[Path]:
    """Draw figures of nodes, as ``draw_run`` does; the results are valid without them."""
    from decentralizepy.figures.overview import draw_run

    try:
        return draw_run(log_dir, parts)
    except (DecentralizepyError, OSError) as error:
        print(f"warning: the run could not be drawn: {error}", file=sys.stderr)
        return []
