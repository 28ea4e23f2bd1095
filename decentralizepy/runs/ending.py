"""What a launcher adds to the results when its nodes have ended."""

import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from decentralizepy.errors import DecentralizepyError
from decentralizepy.results.lines import SHARED
from decentralizepy.results.schedule import MEAN_MODEL
from decentralizepy.results.virtual import FILE as VIRTUAL_FILE
from decentralizepy.results.write import (
    derive,
    derive_all,
    derive_shared,
    is_derived,
    read_final,
    write_final,
)
from decentralizepy.runs.experiment import Experiment


def complete_results(log_dir: Path, ranks: Sequence[int]) -> None:
    """Write the results files of nodes that could not do so themselves."""
    emulated = (log_dir / VIRTUAL_FILE).exists()
    for rank in ranks:
        lines = log_dir / f"{rank}_results.jsonl"
        if lines.exists() and (emulated or not is_derived(lines)):
            try:
                derive(lines)
            except OSError as error:
                print(f"warning: {lines}: not derived: {error}", file=sys.stderr)
    try:
        derive_shared(log_dir)
    except OSError as error:
        print(f"warning: {log_dir / SHARED}: not derived: {error}", file=sys.stderr)


def measure_final(
    experiment: Experiment, progress: Any, folders: Sequence[Path]
) -> None:
    """Write the metrics of the final models; the results are valid without them.

    They belong to the results in each of ``folders``.
    """
    from decentralizepy.runs import final

    log_dir = Path(experiment.args.log_dir)
    try:
        measured = final.measure(experiment)
    except DecentralizepyError as error:
        print(f"note: the mean model was not tested: {error}", file=sys.stderr)
        return
    except Exception:  # a bug in the user's data set or model
        traceback.print_exc()
        print("warning: the mean model was not tested", file=sys.stderr)
        return
    progress.poll()
    seen = progress.accuracy
    honest = experiment.graph.n_procs - len(progress.byzantine)
    if seen and not experiment.served and seen.nodes == honest:
        measured["worst_test_acc"] = seen.low
    during = experiment.args.evaluate == MEAN_MODEL
    earlier = read_final(log_dir) if during else {}
    for folder in folders:
        try:
            write_final(folder, experiment.rounds_done, measured, earlier)
            derive_all(folder)
        except OSError as error:
            print(f"warning: {folder}: no final figures: {error}", file=sys.stderr)
