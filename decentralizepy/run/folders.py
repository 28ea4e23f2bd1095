"""The folders of a run: made, tried, and not mixed with those of another run."""

import re
import shutil
import tempfile
from collections.abc import Collection, Iterable
from pathlib import Path

from decentralizepy.checkpoints import FOLDER as CHECKPOINTS
from decentralizepy.errors import ConfigError, Problem

WRITTEN = re.compile(
    r"(args|dataset|final|.*_results|.*_shared_parameters)\.json|.*_results\.jsonl"
    r"|\.lock|\.turn\d+|.*\.log|.*\.waiting|.*\.png|\d+_weight_-?\d+\.pt"
)
"""Names of files that a run writes or removes in its folders."""

DEEPER = ("shared_params", "model_change", "model_val", CHECKPOINTS)
"""Folders below that of logs, in which it writes or removes any file."""


def spare(folder: Path, inputs: Collection[Path], copied: Iterable[Path] = ()) -> None:
    """Refuse a run that would write over a file that it reads.

    Parameters
    ----------
    folder
        That of logs and results, or of weights.
    inputs
        The files that the run reads.
    copied
        Those of them that are copied to ``folder`` under their own names.

    Raises
    ------
    ConfigError
        If one of ``inputs`` is a file that is written there, or what a link points to.
    """
    written = [each for each in folder.glob("*") if WRITTEN.fullmatch(each.name)]
    for name in DEEPER:
        written += (folder / name).rglob("*")
    found = [(path, each) for each in written for path in inputs if _same(path, each)]
    for source in copied:
        copy = folder / source.name
        others = [path for path in inputs if not _same(path, source)]
        found += [(path, copy) for path in others if _same(path, copy)]
    if found:
        raise ConfigError(
            problems=[
                Problem(
                    f"{path} is read by this run, which would write over it as {target}",
                    expected="another name or another folder",
                )
                for path, target in found
            ]
        )


def _same(path: Path, other: Path) -> bool:
    return path.exists() and other.exists() and path.samefile(other)


def make(name: str, folder: Path) -> None:
    """Make a folder, which ``name`` stands for, and write to it.

    Raises
    ------
    ConfigError
        If that cannot be.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # a name of its own: machines that share a folder try it at the same time
        with tempfile.NamedTemporaryFile("w", dir=folder) as probe:
            probe.write("probe")
    except OSError as error:
        raise ConfigError(f"{name} {folder}: {error.strerror}") from None


def clear(log_dir: Path, ranks: Iterable[int], overwrite: bool) -> None:
    """Remove what an earlier run has left, unless it measured something.

    Parameters
    ----------
    log_dir
        The folder of logs and results.
    ranks
        Whose files without results are removed.
    overwrite
        Remove all results, with their checkpoints, whoever wrote them.

    Raises
    ------
    ConfigError
        If the folder holds results, and they are not to be replaced.
    """
    checkpoints = log_dir / CHECKPOINTS
    results = [*filter(_measured, log_dir.glob("*_results.json*"))]
    if results and not overwrite:
        more = f", --resume {log_dir} goes on with it" if checkpoints.exists() else ""
        raise ConfigError(
            f"--log_dir {log_dir}: holds the results of another run, such as"
            f" {min(results).name}: --overwrite replaces it{more}"
        )
    patterns = [f"{rank}_results.json*" for rank in ranks]
    if overwrite:
        patterns = ["*_results.json*", "*_shared_parameters.json", "final.json"]
        shutil.rmtree(checkpoints, ignore_errors=True)
    for pattern in patterns:
        for old in log_dir.glob(pattern):
            old.unlink()


def _measured(path: Path) -> bool:
    """Tell whether a file of results has any; the lines, where there are, know best."""
    lines = path.with_suffix(".jsonl")
    return not lines.exists() or lines.stat().st_size > 0


def keep(file: str, log_dir: str) -> None:
    """Copy a file to the log folder, unless it is there already."""
    copy = Path(log_dir) / Path(file).name
    if not copy.exists() or not copy.samefile(file):
        shutil.copy(file, copy)
