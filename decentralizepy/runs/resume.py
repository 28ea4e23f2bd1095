"""Resuming a run: its arguments, and the round to start from."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from decentralizepy.config.flags import PLACING, defaults, run_problems, run_values
from decentralizepy.errors import ConfigError

ONCE = {"resume", "force", "overwrite", "log_dir", "config_file", *PLACING}


def flags(folder: str) -> dict[str, Any]:
    """Return the flags of the run whose log folder is ``folder``, by long name.

    The INI file is the copy in that folder, and so is the graph file if the original is
    gone.

    Raises
    ------
    ConfigError
        If it is not the log folder of a run.
    """
    try:
        earlier = json.loads(Path(folder, "args.json").read_text(encoding="utf-8"))
        kept = Path(folder, Path(earlier["config_file"]).name)
        section = {name: _written(earlier[name]) for name in _again(earlier)}
        if any(run_problems(section)):
            raise ValueError
        chosen = run_values(section)
        settings = [str(each) for each in earlier.get("set", [])]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        cause = "not the log folder of a run: no args.json that can be read"
        raise ConfigError(cause, key="--resume", value=folder) from None
    graph = chosen.get("graph_file")
    if graph and not Path(graph).exists():
        chosen["graph_file"] = str(Path(folder, Path(graph).name))
    return {
        **chosen,
        "config_file": str(kept),
        "log_dir": folder,
        "set": settings,
    }


def split(text: str) -> tuple[str, int | None]:
    """Return the folder and the round of ``LOGDIR@ROUND``, or of just a folder."""
    folder, _, number = text.rpartition("@")
    if folder and number.isdecimal() and not Path(text).exists():
        return folder, int(number)
    return text, None


def of_machine(text: str, machine: int | None) -> str:
    """Return the same for the folder of a machine, if ``text`` is that of the whole run."""
    folder, number = split(text)
    part = Path(folder, f"machine{machine}")
    if machine is None or Path(folder, "args.json").exists() or not part.exists():
        return text
    return str(part) if number is None else f"{part}@{number}"


def choose(rounds: Sequence[int], chosen: int | None, text: str) -> list[int]:
    """Return the ``rounds`` to resume from, only the chosen one if there is one.

    Raises
    ------
    ConfigError
        If there is none; ``text`` is what the user asked for.
    """
    wanted = [each for each in rounds if chosen in (None, each)]
    if wanted:
        return wanted
    if rounds:
        listed = ", ".join(map(str, sorted(rounds)))
        raise ConfigError(
            "not all nodes have a whole checkpoint of that round",
            key="--resume",
            value=text,
            expected=f"one of the rounds {listed}",
        )
    raise ConfigError(
        "there is no round of which all nodes have a checkpoint; [RUN] "
        "checkpoint_every = K makes them",
        key="--resume",
        value=text,
    )


def complete(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return the flags of the run to resume, updated by those of the command line."""
    folder, _ = split(of_machine(chosen["resume"], chosen.get("machine_id")))
    earlier = flags(folder)
    machine = earlier["machine_id"]
    if chosen.get("machine_id", machine) != machine:
        raise ConfigError(
            f"the log folder of machine {machine}; expected that of machine "
            f"{chosen['machine_id']}",
            key="--resume",
            value=chosen["resume"],
        )
    settings = [*earlier["set"], *chosen.get("set", ())]
    return {**earlier, **chosen, "set": settings}


def _again(earlier: Mapping[str, Any]) -> list[str]:
    """Return the names of the flags that also apply after resuming."""
    values = {name: earlier.get(name) for name in defaults() if name not in ONCE}
    return [
        name
        for name, value in values.items()
        if value is not None and value is not False
    ]


def _written(value: Any) -> str:
    """Return a flag's value as written in section RUN."""
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
