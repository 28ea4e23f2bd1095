"""``decentralizepy submit``: write a Slurm batch script for an experiment, and submit it."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from decentralizepy import utils
from decentralizepy.config import flags, ini
from decentralizepy.errors import ConfigError, DecentralizepyError

HELP = """\
usage: decentralizepy submit FILE.ini [FLAGS of run] [long OPTIONS of sbatch] [--dry-run]

Writes a batch script to the log folder and submits it with sbatch; --dry-run prints it.
--nodes N sets the number of machines, each of which runs -ps nodes.

example:
  decentralizepy submit config.ini --nodes 3 -ps 8 --checkpoint_every 20 --time 8:00:00
"""
SCRIPT = """\
#!/bin/bash
{options}

# Before the time limit, Slurm sends USR2 to this script: the job goes back to the queue, and
# resumes from the last checkpoints that all nodes have.
trap 'echo "the time is up: requeued"; scontrol requeue "$SLURM_JOB_ID"' USR2

cd {folder}
again=()
if [ "${{SLURM_RESTART_COUNT:-0}}" -gt 0 ]; then
    again=(--overwrite)
    if [ -d {log_dir}/machine0/checkpoints ]; then
        again=(--resume {log_dir})
    fi
fi
srun --ntasks-per-node=1 --kill-on-bad-exit=1 \\
    {command} "${{again[@]}}" &
step=$!
wait $step
status=$?
while kill -0 $step 2>/dev/null; do  # a signal has interrupted the wait
    wait $step
    status=$?
done
exit $status
"""
OURS = (
    "--ntasks-per-node=1",
    "--open-mode=append",
    "--requeue",
    "--signal=B:USR2@120",
)


def main(argv: list[str]) -> int:
    """Submit an experiment; return the exit status of sbatch."""
    if not argv or argv[0] in ("-h", "--help"):
        print(HELP, end="")
        return 0 if argv else ConfigError.exit_status
    try:
        return submit(argv)
    except DecentralizepyError as error:
        print(error, file=sys.stderr)
        return error.exit_status


def submit(argv: Sequence[str]) -> int:
    """Do the same, and raise a ConfigError for a mistake in ``argv``."""
    path, *words = argv
    dry = "--dry-run" in words
    for word in words:
        if len(word) == 2 and word[0] == "-" and word[1].isalpha():
            raise ConfigError(f"{word}: expected the long form of an option of sbatch")
    chosen, left = utils.parsed([each for each in words if each != "--dry-run"])
    options = [*sbatch_options(left)]
    name = Path(path).stem
    log_dir = Path(chosen.pop("log_dir", f"{name}-{_now()}")).absolute()
    config = ini.read(path)
    if not {**config.get("RUN", {}), **chosen}.get("checkpoint_every"):
        text = "warning: without --checkpoint_every, a requeued job starts from round 0"
        print(text, file=sys.stderr)
    text = script(path, log_dir, chosen, [f"--job-name={name}", *options])
    if dry:
        print(text, end="")
        return 0
    if not shutil.which("sbatch"):
        raise ConfigError(
            "sbatch: not found on this machine; --dry-run prints the script"
        )
    log_dir.mkdir(parents=True, exist_ok=True)
    file = log_dir / "submit.sh"
    file.write_text(text)
    return subprocess.run(["sbatch", str(file)], check=False).returncode


def script(
    path: str, log_dir: Path, chosen: Mapping[str, Any], options: Sequence[str]
) -> str:
    """Return the batch script of an experiment.

    Parameters
    ----------
    path
        The INI file.
    log_dir
        The folder of the run, absolute and shared by all machines.
    chosen
        The flags of ``run``, by long name.
    options
        The user's options of sbatch, which win over ours.
    """
    output = f"--output={log_dir}/slurm-%j.out"
    lines = [f"#SBATCH {each}" for each in (*OURS, output, *options)]
    words = [sys.executable, "-m", "decentralizepy", "run", path]
    words += [*flags.words({**chosen, "log_dir": str(log_dir)})]
    return SCRIPT.format(
        options="\n".join(lines),
        folder=shlex.quote(os.getcwd()),
        log_dir=shlex.quote(str(log_dir)),
        command=shlex.join(words),
    )


def sbatch_options(words: Sequence[str]) -> Iterator[str]:
    """Yield options of sbatch, each as one word.

    Raises
    ------
    ConfigError
        For a word that is none, and for an option that this script cannot have.
    """
    options: list[str] = []
    for word in words:
        if word.startswith("-"):
            options.append(word)
        elif options and "=" not in options[-1]:
            options[-1] += f"={word}"
        else:
            raise ConfigError(f"{word}: neither a flag nor the value of one")
    for option in options:
        if option.partition("=")[0] == "--array":
            raise ConfigError(f"{option}: all tasks of the array would be the same run")
        yield option


def _now() -> str:
    return Path(flags.defaults()["log_dir"]).name
