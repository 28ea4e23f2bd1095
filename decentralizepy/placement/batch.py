"""The batch script of an experiment, or of a sweep, for Slurm."""

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from decentralizepy.config import flags

SCRIPT = """\
#!/bin/bash
{options}

# Before the time limit, Slurm sends USR2 to this script. All nodes then write a checkpoint of
# one round, the launchers end, and the job goes back to the queue; after 90 s at the latest, to
# resume from the last checkpoints that all nodes have.
job=${{SLURM_ARRAY_JOB_ID:+${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}}}
job=${{job:-$SLURM_JOB_ID}}
requeue() {{ echo "the time is up: requeued"; scontrol requeue "$job"; }}
asked=
trap 'asked=yes; kill -USR2 $step; (sleep 90; kill -0 $step 2>/dev/null && requeue) &' USR2

cd {folder}
log_dir={log_dir}
point=()
{points}\
own=$log_dir  # that of the first machine
[ "$SLURM_JOB_NUM_NODES" -gt 1 ] && own=$log_dir/machine0
again=()
if [ "${{SLURM_RESTART_COUNT:-0}}" -gt 0 ]; then
    again=(--overwrite)
    ls "$own"/checkpoints/*/* >/dev/null 2>&1 && again=(--resume "$log_dir")
fi
srun --ntasks-per-node=1 --kill-on-bad-exit=1 \\
    {command} \\
    --log_dir "$log_dir" {weights}"${{point[@]}}" "${{again[@]}}" &
step=$!
wait $step
status=$?
while kill -0 $step 2>/dev/null; do  # a signal has interrupted the wait
    wait $step
    status=$?
done
# 75, unless the first launcher to end has had others killed, or none had started yet
if [ $status != 0 ] && [ $asked ]; then requeue; fi
exit $status
"""
POINTS = """\
case $SLURM_ARRAY_TASK_ID in
{cases}
esac
[ "$SLURM_JOB_NUM_NODES" -gt 1 ] || log_dir=$log_dir/machine0
"""
WEIGHTS = '--weights_store_dir "$log_dir/weights" '
OURS = (
    "--ntasks-per-node=1",
    "--open-mode=append",
    "--requeue",
    "--signal=B:USR2@120",
)


class Point(Protocol):
    """A run of a sweep."""

    @property
    def name(self) -> str:
        """Its folder."""

    @property
    def settings(self) -> Sequence[Any]:
        """What it sets, as for ``--set``."""


def script(
    path: str,
    log_dir: Path,
    chosen: Mapping[str, Any],
    options: Sequence[str],
    points: Sequence[Point] = (),
) -> str:
    """Return the batch script of an experiment.

    Parameters
    ----------
    path
        The INI file.
    log_dir
        The folder of the run or sweep, absolute and shared by all machines.
    chosen
        The flags of ``run``, by long name.
    options
        The user's options of sbatch, which win over ours.
    points
        The runs of a sweep, each of which is a task of the job array.
    """
    output = "slurm-%A_%a.out" if points else "slurm-%j.out"
    ours = [*OURS, f"--output={log_dir}/{output}"]
    words = [sys.executable, "-m", "decentralizepy", "run", path]
    cases = [
        f"{number}) log_dir=$log_dir/{shlex.quote(each.name)}; point=({_set(each)}) ;;"
        for number, each in enumerate(points)
    ]
    return SCRIPT.format(
        options="\n".join(f"#SBATCH {each}" for each in (*ours, *options)),
        folder=shlex.quote(os.getcwd()),
        log_dir=shlex.quote(str(log_dir)),
        points=POINTS.format(cases="\n".join(cases)) if points else "",
        command=shlex.join([*words, *flags.words(chosen)]),
        weights="" if "weights_store_dir" in chosen else WEIGHTS,
    )


def _set(point: Point) -> str:
    return shlex.join(flags.words({"set": map(str, point.settings)}))
