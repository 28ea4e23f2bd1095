"""A run that is gone on with: its arguments, and the round to start from."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from decentralizepy.errors import ConfigError

ONCE = {"resume", "force", "overwrite", "log_dir", "config_file"}


def words(folder: str) -> list[str]:
    """Return the command line of the run whose log folder is ``folder``.

    The INI file is the copy that was kept there, and so is a graph file that is gone.

    Raises
    ------
    ConfigError
        If the folder is not that of a run.
    """
    path = Path(folder, "args.json")
    try:
        earlier = json.loads(path.read_text(encoding="utf-8"))
        kept = Path(folder, Path(earlier["config_file"]).name)
    except (OSError, ValueError, KeyError, TypeError):
        raise ConfigError(
            f"--resume {folder}: not the log folder of a run: no args.json that can be "
            "read"
        ) from None
    graph = earlier.get("graph_file")
    if graph and not Path(graph).exists():
        earlier["graph_file"] = str(Path(folder, Path(graph).name))
    settings = [each for pair in earlier.pop("set", []) for each in ("--set", pair)]
    flags = [
        word
        for name, value in earlier.items()
        if name not in ONCE and value is not None and value is not False
        for word in (f"--{name}", *_words(value))
    ]
    return ["--config_file", str(kept), "--log_dir", folder, *flags, *settings]


def complete(argv: Sequence[str], folder: str) -> list[str]:
    """Return ``argv`` after the arguments of the earlier run, which it may change."""
    return [*words(folder), *argv]


def _words(value: Any) -> list[str]:
    if value is True:  # a switch
        return []
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]
