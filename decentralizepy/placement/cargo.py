"""The files that launchers on other machines need."""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from decentralizepy.checkpoints import FOLDER as CHECKPOINTS
from decentralizepy.config import assignments, flags, ini
from decentralizepy.config.places import GRAPHS, PATHS, WRITTEN, beside
from decentralizepy.errors import ConfigError
from decentralizepy.runs import resume
from decentralizepy.runs.transfer import Piece, listed, pieces

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
    earlier : Path or None
        The log folder here of the run to resume, if there is one.
    """

    root: Path
    names: list[str]
    at: str
    log_dir: str
    earlier: Path | None = None

    @classmethod
    def of(cls, chosen: Mapping[str, Any]) -> "Cargo":
        """Return the INI file, the graph, other files that it names, and plug-ins.

        Raises
        ------
        ConfigError
            If the INI file cannot be read, the files are too large to be copied, or there
            is no run to resume.
        """
        log_dir = folder_of(chosen)
        earlier = log_dir if chosen.get("resume") else None
        if earlier:
            chosen = resume.complete({**chosen, "machine_id": 0})
        files = [
            file
            for file in dict.fromkeys(_needed(chosen))
            if not earlier or not file.is_relative_to(os.path.abspath(earlier))
        ]
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
        at, there = os.path.relpath(here, root), f"runs/{log_dir.resolve().name}"
        return cls(root, names, at, there, earlier)

    def pieces(self, machine: int) -> Iterator[Piece]:
        """Yield what a machine needs, its part of the run to resume included.

        Raises
        ------
        ConfigError
            If that run had no such machine.
        """
        yield from pieces(self.root, self.names)
        if self.earlier is None:
            return
        own = f"machine{machine}"
        if not (self.earlier / own).is_dir():
            raise ConfigError(f"has no {own}", key="--resume", value=self.earlier)
        for part in (own, f"{own}/{CHECKPOINTS}"):
            folder, there = self.earlier / part, Path(self.at, self.log_dir, part)
            for piece in pieces(folder, listed(folder)):
                yield piece._replace(name=(there / piece.name).as_posix())

    def flags(self, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """Return the flags of a launcher that runs where these files are."""
        moved = {
            name: os.path.relpath(chosen[name])
            for name in ("config_file", "graph_file")
            if name in chosen
        }
        moved["weights_store_dir"] = f"{self.log_dir}/weights"
        if self.earlier:
            number = resume.split(chosen["resume"])[1]
            moved["resume"] = self.log_dir + ("" if number is None else f"@{number}")
        return {**chosen, **moved}


def folder_of(chosen: Mapping[str, Any]) -> Path:
    """Return the log folder of a run, which may be one to resume."""
    if chosen.get("resume"):
        return Path(resume.split(chosen["resume"])[0])
    return Path(chosen.get("log_dir") or flags.defaults()["log_dir"])


def _needed(chosen: Mapping[str, Any]) -> Iterator[Path]:
    """Yield the absolute paths of all files that a run with these flags reads."""
    path = chosen.get("config_file", flags.defaults()["config_file"])
    config = ini.as_written(path)  # an absolute path need not be copied
    assignments.override(config, chosen.get("set", ()))
    written = beside(path, "graph_file", config.get("RUN", {}).get("graph_file"))
    graph = chosen.get("graph_file") or written
    found = [Path(path), *([Path(str(graph))] if graph else [])]
    for file in [*found, *_named(path, config), *_plugins(path, config)]:
        if file.is_file():
            yield Path(os.path.abspath(file))


def _named(path: str, config: Config) -> Iterator[Path]:
    """Yield the files that an INI file names by a relative path, and those of a graph."""
    for section in config.values():
        for key, value in section.items():
            if key.endswith(PATHS) and key not in WRITTEN and isinstance(value, str):
                file = Path(str(beside(path, key, value)))
                if value and not os.path.isabs(value):
                    yield file
                    yield from sorted(file.glob("*") if key == GRAPHS else ())


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
