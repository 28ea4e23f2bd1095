"""Where runs and their results are below a folder."""

import re
from pathlib import Path

from decentralizepy.results import manifests
from decentralizepy.results.lines import SHARED

_RESULTS = re.compile(r".*_results\.jsonl?|" + re.escape(SHARED))


def runs_below(folder: Path) -> list[tuple[Path, list[Path]]]:
    """Return the folder of each run below ``folder``, with its results files.

    A repeated run beside the original is left out, unless it is in ``folder`` itself.
    """
    for depth in (2, 1, 0):
        if files := result_files(folder, depth):
            break
    if depth < 2 and not manifests.are_several({file.parent for file in files}):
        return [(folder, files)] if files else []
    homes: dict[Path, list[Path]] = {}
    for file in files:
        if depth == 1 or not _is_rerun(file.parent):
            homes.setdefault(file.parents[depth - 1], []).append(file)
    return sorted(homes.items(), key=lambda each: natural(each[0].name))


def _is_rerun(log_dir: Path) -> bool:
    """Return whether a folder is the default one for repeating a run beside it."""
    original = log_dir.name.removesuffix(manifests.RERUN)
    return original != log_dir.name and log_dir.with_name(original).is_dir()


def natural(name: str) -> str:
    """Return a sort key that puts 10 after 9."""
    return re.sub(r"\d+", lambda digits: digits[0].zfill(20), name)


def result_files(folder: Path, depth: int = 0) -> list[Path]:
    """Return the results files ``depth`` folders below ``folder``."""
    files = folder.glob("*/" * depth + "*results.json*")
    return sorted(
        file
        for file in files
        if _RESULTS.fullmatch(file.name)
        and "weights" not in file.relative_to(folder).parts
    )
