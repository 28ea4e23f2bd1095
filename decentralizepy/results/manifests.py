"""Reader of the manifests that runs leave in their log folders."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from decentralizepy.errors import DataError

FILE = "manifest.json"
RERUN = "-rerun"  # what the folder of a repeated run is called after the original
_PARTS = ("configuration", "flags", "seeds")


def read(log_dir: Path) -> dict[str, Any]:
    """Return the manifest in a log folder; empty if there is none.

    Raises
    ------
    DataError
        If it is damaged.
    """
    path = log_dir / FILE
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        whole = all(isinstance(content[part], dict) for part in _PARTS)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: damaged: {error}") from None
    if not whole:
        raise DataError(f"{path}: damaged: not the manifest of a run")
    return content


def are_several(log_dirs: Iterable[Path]) -> bool:
    """Return whether log folders are of several runs, since each has one machine 0."""
    flags = [read(each).get("flags", {}) for each in log_dirs]
    return [each.get("machine_id") for each in flags].count(0) > 1


def of_run(home: Path) -> dict[str, Any]:
    """Return the manifest of the first machine of a run; empty if there is none.

    ``home`` is the folder of the run, or the log folder of one of its machines.
    """
    folders = (home, *sorted(path.parent for path in home.glob(f"*/{FILE}")))
    return next(filter(None, map(read, folders)), {})
