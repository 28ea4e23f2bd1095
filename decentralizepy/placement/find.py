"""Finds out, before anything else, which machine of a run this is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from decentralizepy.config import assignments, flags, ini
from decentralizepy.errors import ConfigError
from decentralizepy.placement.boards import Board, Fixed, Folder
from decentralizepy.placement.environment import Found, infer
from decentralizepy.placement.place import START_S, Place, Plan


def find(chosen: Mapping[str, Any], environ: Mapping[str, str]) -> Place | None:
    """Return the place of this launcher; None on a single machine, or by hand.

    Parameters
    ----------
    chosen
        The flags given on the command line, by long name.
    environ
        The environment variables.

    Raises
    ------
    ConfigError
        If the flags, or the variables, contradict each other.
    """
    inferred = started_by(chosen, environ)
    told = meeting(chosen["rendezvous"]) if chosen.get("rendezvous") else None
    if inferred is None:
        return _told(chosen, told) if told else None
    kind, found = inferred
    if found.machines == 1:
        return None
    for name in ("machine_id", "machines"):
        said = found.machine if name == "machine_id" else found.machines
        if chosen.get(name, said) != said:
            cause = f"{kind} says {said} ({found.names})"
            raise ConfigError(cause, key=f"--{name}", value=chosen[name])
    board: Board | None = told or found.board
    if board is None:
        expected = "--rendezvous HOST:PORT, since its variables name no host"
        raise ConfigError(key="--placement", value=kind, expected=expected)
    source = f" (from {kind}: {found.names})"
    return Place(board, found.machines, found.machine, found.run, source)


def started_by(
    chosen: Mapping[str, Any], environ: Mapping[str, str]
) -> tuple[str, Found] | None:
    """Return who started this launcher, and what it says; None for a user.

    Arguments and errors as for :func:`find`.
    """
    by_hand = not chosen.get("placement") and "machine_id" in chosen
    return None if by_hand else infer(chosen.get("placement", ""), environ)


def _told(chosen: Mapping[str, Any], board: Board) -> Place | None:
    """Return the place that flags alone tell."""
    machines, machine = chosen.get("machines"), chosen.get("machine_id")
    if machines is None:
        raise ConfigError(
            "also needs the number of machines",
            key="--rendezvous",
            value=board,
            expected="--machines N",
        )
    if machine is None and isinstance(board, Folder):
        cause = "machines that meet in a folder also need their numbers"
        expected = "--machine_id I"
        raise ConfigError(cause, key="--rendezvous", value=board, expected=expected)
    return Place(board, machines, machine) if machines > 1 else None


def meeting(text: str) -> Board:
    """Return where machine 0 is met, from ``HOST:PORT`` or a folder that all share."""
    return Folder("", Path(text)) if "/" in text else fixed(text)


def fixed(text: str) -> Fixed:
    """Return where machine 0 is met, from ``HOST:PORT``.

    Raises
    ------
    ConfigError
        If it does not have this form.
    """
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ConfigError(
            key="--rendezvous",
            value=text,
            expected="HOST:PORT, a name or address of machine 0 and a free port there",
        )
    return Fixed(host, int(port))


def plan(chosen: Mapping[str, Any]) -> Plan:
    """Return what a launcher has to know before it has checked its INI file.

    Mistakes in that file are left for later, when the others can be told of them.
    """
    try:
        config = ini.read(chosen.get("config_file", flags.defaults()["config_file"]))
        assignments.override(config, chosen.get("set", ()))
    except ConfigError:
        config = {}
    section = config.get("RUN", {})
    written = {} if any(flags.run_problems(section)) else flags.run_values(section)
    values = {**flags.defaults(), **written, **chosen}
    weights = {**written, **chosen}.get("weights_store_dir")
    limit = config.get("FAULTS", {}).get("start_timeout")
    return Plan(
        tuple(values["procs_per_machine"]),
        values["log_dir"],
        weights or str(Path(values["log_dir"], "weights")),
        limit if isinstance(limit, (int, float)) and limit > 0 else START_S,
    )
