"""The folders of a run: made, tried, and not mixed with those of another run."""

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from decentralizepy.checkpoints import FOLDER as CHECKPOINTS
from decentralizepy.errors import ConfigError


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
