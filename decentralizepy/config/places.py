"""Where the files and modules that an INI file names are looked up."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

PATHS = ("dir", "path", "file")
"""Suffixes of keys whose values are paths."""

WRITTEN = ("log_dir", "weights_store_dir", "socket_dir")
"""Keys of folders that a run creates, always in the working directory."""

GRAPHS = "graphs_dir"
"""The key of a folder that has a graph file for each round."""

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
"""The folder of INI files that are installed with the package."""

ARGS, KEPT = "args.json", "ini_folder"


def shipped(path: str) -> str:
    """Return the installed example that a bare name stands for, else ``path`` itself.

    A file or folder of this name in the working directory comes first.
    """
    found = EXAMPLES / f"{path}.ini"
    is_example = os.path.basename(path) == path and found.exists()
    return str(found) if is_example and not os.path.exists(path) else path


def examples() -> list[str]:
    """Return the names of the installed examples."""
    return sorted(path.stem for path in EXAMPLES.glob("*.ini"))


def folders(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield the folder of an INI file and, if it is a run's copy, that of the original."""
    folder = Path(path).resolve().parent
    yield folder
    try:
        kept = json.loads((folder / ARGS).read_text(encoding="utf-8"))[KEPT]
    except (OSError, ValueError, KeyError, TypeError):
        return
    yield Path(str(kept))


def origin(path: str | os.PathLike[str]) -> str:
    """Return the folder of an INI file, or of the original if it is a run's copy."""
    return str([*folders(path)][-1])


def beside(path: str | os.PathLike[str], key: str, value: object) -> object:
    """Return a value, or the file or folder beside the INI file that it names.

    The working directory comes first.
    """
    if not isinstance(value, str) or not value or not key.endswith(PATHS):
        return value
    if key in WRITTEN or os.path.isabs(value) or os.path.exists(value):
        return value
    found = (folder / value for folder in folders(path))
    return next((str(each) for each in found if each.exists()), value)


def importable(path: str | os.PathLike[str]) -> None:
    """Have modules found in the working directory and beside an INI file, too."""
    for folder in (os.getcwd(), *map(str, folders(path))):
        if folder not in sys.path:
            sys.path.append(folder)
