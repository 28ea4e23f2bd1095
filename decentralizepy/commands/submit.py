"""``decentralizepy submit``: write a Slurm batch script for an experiment, and submit it."""

import re
import shutil
import subprocess
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from decentralizepy import utils
from decentralizepy.commands.sweep import find_points
from decentralizepy.config import flags, ini
from decentralizepy.errors import ConfigError, DecentralizepyError
from decentralizepy.placement.batch import script
from decentralizepy.runs.resume import split

OWN = ("dry_run", "seeds", "points", "array")
PLACED = ("machine_id", "machines", "hosts", "ssh")
HELP = """\
usage: decentralizepy submit FILE.ini [FLAGS of run] [long OPTIONS of sbatch] [--dry-run]

Write a batch script to the log folder and submit it with sbatch; --dry-run prints it.
--nodes N sets the number of machines, each of which runs -ps nodes. --array, or --array %N
for at most N at once, submits a sweep, one task per point: --set SECTION.KEY=V1,V2,
--seeds 1..5 and --points FILE.csv as for decentralizepy sweep.

examples:
  decentralizepy submit config.ini --nodes 3 -ps 8 --checkpoint_every 20 --time 8:00:00
  decentralizepy submit config.ini --array --seeds 1..5 --time 1:00:00
"""


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
    for word in words:
        if len(word) == 2 and word[0] == "-" and word[1].isalpha():
            raise ConfigError(f"{word}: expected the long form of an option of sbatch")
    given, left = utils.parsed(words, _parser())
    _check(given)
    chosen = {name: given[name] for name in given if name not in OWN}
    options, name = [*sbatch_options(left)], Path(path).stem
    options = [f"--job-name={name}", *options]
    default = f"{name}_sweep" if given["array"] is not None else f"{name}-{_now()}"
    log_dir = Path(chosen.pop("log_dir", _resumed(chosen) or default)).absolute()
    ini.read(path)
    if given["array"] is None:
        text = script(path, log_dir, chosen, options)
    else:
        points = find_points(given, path)
        last = f"0-{len(points) - 1}{given['array']}"
        chosen.pop("set", None)
        text = script(path, log_dir, chosen, [*options, f"--array={last}"], points)
    if given["dry_run"]:
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


def _check(given: Mapping[str, Any]) -> None:
    """Raise a ConfigError for a flag that contradicts the job."""
    for name in PLACED:
        if name in given:
            cause = "follows from --nodes: srun starts a launcher on each"
            raise ConfigError(cause, key=f"--{name}", value=given[name])
    if given["array"] is not None and _resumed(given):
        cause = "is for one run; a sweep is resumed by its tasks"
        raise ConfigError(cause, key="--resume", value=given["resume"])


def _resumed(given: Mapping[str, Any]) -> str:
    """Return the log folder of the run to resume, or ""."""
    return split(given["resume"])[0] if given.get("resume") else ""


def _parser() -> ArgumentParser:
    parser = utils.make_parser()
    add = parser.add_argument
    add("--dry-run", action="store_true")
    add("--seeds", default="")
    add("--points", action="append", default=[])
    add("--array", nargs="?", const="", type=_at_once)
    return parser


def _at_once(text: str) -> str:
    if text and not re.fullmatch(r"%[1-9]\d*", text):
        raise ArgumentTypeError(
            f"{text}: expected --array, or --array %N for at most N points at once"
        )
    return text


def sbatch_options(words: Sequence[str]) -> Iterator[str]:
    """Yield options of sbatch, each as one word.

    Raises
    ------
    ConfigError
        For a word that is none.
    """
    options: list[str] = []
    for word in words:
        if word.startswith("-"):
            options.append(word)
        elif options and "=" not in options[-1]:
            options[-1] += f"={word}"
        else:
            raise ConfigError(f"{word}: neither a flag nor the value of one")
    yield from options


def _now() -> str:
    return Path(flags.defaults()["log_dir"]).name
