"""Creates and checks the folders of a run, and protects the results of other runs."""

import re
import shutil
import tempfile
from collections.abc import Collection, Iterable
from pathlib import Path

from decentralizepy.checkpoints import FOLDER as CHECKPOINTS
from decentralizepy.errors import ConfigError, Problem
from decentralizepy.results import observed, virtual
from decentralizepy.results.lines import SHARED, read_shared
from decentralizepy.results.write import FINAL_FILE, MODELS

WRITTEN = re.compile(
    r"(args|dataset|final|manifest|virtual_time|.*_results|.*_shared_parameters)\.json|(.*_)?results\.jsonl"
    r"|\.lock|\.turn\d+|.*\.log|.*\.waiting|.*\.png|\d+_weight_-?\d+\.pt"
)
"""Names of files that a run writes or removes in its folders."""

DEEPER = (
    "shared_params",
    "model_change",
    "model_val",
    CHECKPOINTS,
    MODELS,
    observed.FOLDER,
)
"""Subfolders of the log folder in which a run may write or remove any file."""


def spare(folder: Path, inputs: Collection[Path], copied: Iterable[Path] = ()) -> None:
    """Refuse a run that would overwrite a file that it reads.

    Parameters
    ----------
    folder
        The folder for logs and results, or for weights.
    inputs
        The files that the run reads.
    copied
        Those of them that are copied to ``folder`` under their own names.

    Raises
    ------
    ConfigError
        If one of ``inputs`` would be overwritten there, also by way of a link.
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
    """Create a folder, given by the flag ``name``, and check that it can be written to.

    Raises
    ------
    ConfigError
        If not.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # a unique name, since machines may share the folder
        with tempfile.NamedTemporaryFile("w", dir=folder) as probe:
            probe.write("probe")
    except OSError as error:
        raise ConfigError(f"{name} {folder}: {error.strerror}") from None


def clear(log_dir: Path, ranks: Iterable[int], overwrite: bool) -> None:
    """Remove the files of an earlier run, unless it has results.

    Parameters
    ----------
    log_dir
        The folder for logs and results.
    ranks
        Ranks whose empty results files are removed.
    overwrite
        Remove all results and checkpoints, whichever run they are from.

    Raises
    ------
    ConfigError
        If the folder contains results, and ``overwrite`` is False.
    """
    checkpoints = log_dir / CHECKPOINTS
    results = [*filter(_measured, log_dir.glob("*_results.json*"))]
    results += [log_dir / SHARED] if any(read_shared(log_dir).values()) else []
    if results and not overwrite:
        more = f", --resume {log_dir} continues it" if checkpoints.exists() else ""
        raise ConfigError(
            f"--log_dir {log_dir}: contains the results of another run, such as"
            f" {min(results).name}: --overwrite replaces it{more}"
        )
    patterns = [f"{rank}_results.json*" for rank in ranks]
    if overwrite:
        patterns = ["*_results.json*", "*_shared_parameters.json"]
        patterns += [FINAL_FILE, virtual.FILE]
        shutil.rmtree(checkpoints, ignore_errors=True)
    for name in (MODELS, observed.FOLDER):
        shutil.rmtree(log_dir / name, ignore_errors=True)
    Path(log_dir, SHARED).unlink(missing_ok=True)
    for pattern in patterns:
        for old in log_dir.glob(pattern):
            old.unlink()


def _measured(path: Path) -> bool:
    """Return whether a results file has any results, by its ``.jsonl`` if there is one."""
    lines = path.with_suffix(".jsonl")
    return not lines.exists() or lines.stat().st_size > 0


def keep(file: str, log_dir: str) -> None:
    """Copy a file to the log folder, unless that is where it is."""
    copy = Path(log_dir) / Path(file).name
    if not copy.exists() or not copy.samefile(file):
        shutil.copy(file, copy)
