"""The files that launchers on other machines need."""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from decentralizepy.config import assignments, flags, ini
from decentralizepy.config.places import PATHS, WRITTEN, beside
from decentralizepy.errors import ConfigError

LARGEST = 1 << 26  # bytes in all: data sets must be on the machines already
PACKAGE = "decentralizepy"
Config = Mapping[str, Mapping[str, Any]]


class Cargo(NamedTuple):
    """Files of this machine, and where they lie for a launcher elsewhere.

    Attributes
    ----------
    root : Path
        The folder that all files are in.
    names : list of str
        Their names, relative to it.
    at : str
        The folder that corresponds to the current one, relative to the root.
    log_dir : str
        Where a launcher writes its results, relative to that folder.
    """

    root: Path
    names: list[str]
    at: str
    log_dir: str

    @classmethod
    def of(cls, chosen: Mapping[str, Any]) -> "Cargo":
        """Return the INI file, the graph, other files that it names, and plug-ins.

        Raises
        ------
        ConfigError
            If the INI file cannot be read, or the files are too large to be copied.
        """
        path = chosen.get("config_file", flags.defaults()["config_file"])
        config = ini.read(path)
        assignments.override(config, chosen.get("set", ()))
        graph = chosen.get("graph_file") or config.get("RUN", {}).get("graph_file")
        found = [Path(path), *map(Path, filter(None, [graph]))]
        found += [*_named(path, config), *_plugins(path, config)]
        whole = (Path(os.path.abspath(file)) for file in found if file.is_file())
        files = list(dict.fromkeys(whole))
        size = sum(file.stat().st_size for file in files)
        if size > LARGEST:
            largest = max(files, key=lambda file: file.stat().st_size)
            raise ConfigError(
                f"{largest}: would be copied to each of --hosts, with {size >> 20} MiB in "
                f"all; expected up to {LARGEST >> 20} MiB, and data sets on the hosts, at "
                "absolute paths"
            )
        here = Path.cwd()
        root = Path(os.path.commonpath([here, *(file.parent for file in files)]))
        names = [os.path.relpath(file, root) for file in files]
        log_dir = Path(chosen.get("log_dir") or flags.defaults()["log_dir"])
        return cls(root, names, os.path.relpath(here, root), f"runs/{log_dir.name}")

    def flags(self, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """Return the flags of a launcher that runs where these files are."""
        moved = {
            name: os.path.relpath(chosen[name])
            for name in ("config_file", "graph_file")
            if name in chosen
        }
        weights = f"{self.log_dir}/weights"
        return {**chosen, **moved, "weights_store_dir": weights}


def _named(path: str, config: Config) -> Iterator[Path]:
    """Yield the files that an INI file names by a relative path, and those of a graph."""
    for section in config.values():
        for key, value in section.items():
            if key.endswith(PATHS) and key not in WRITTEN and isinstance(value, str):
                file = Path(str(beside(path, key, value)))
                if value and not os.path.isabs(value):
                    yield file
                    yield from sorted(file.glob("*") if key == "graphs_dir" else ())


def _plugins(path: str, config: Config) -> Iterator[Path]:
    """Yield the user's modules that an INI file names, and those in the same folder."""
    named = {
        str(value).partition(".")[0]
        for section in config.values()
        for key, value in section.items()
        if key.endswith("_package") and value
    }
    known = {PACKAGE, *sys.stdlib_module_names}
    for folder in dict.fromkeys((Path.cwd(), Path(path).absolute().parent)):
        for name in sorted(named - known):
            if (folder / f"{name}.py").is_file():
                yield from sorted(folder.glob("*.py"))
            elif (folder / name).is_dir():
                yield from sorted((folder / name).rglob("*.py"))
