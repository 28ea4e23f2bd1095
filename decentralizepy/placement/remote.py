"""Runs an experiment on machines that it starts launchers on itself."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from decentralizepy.config.flags import PLACING
from decentralizepy.errors import ConfigError, DecentralizepyError
from decentralizepy.placement.crew import Connection
from decentralizepy.placement.driver import Driver
from decentralizepy.placement.ssh import Ssh
from decentralizepy.runs.signals import Stopped, end_once

KNOWN = ("machine_id", "machines", "rendezvous")  # to whoever starts the launchers


def is_remote(chosen: Mapping[str, Any]) -> bool:
    """Return whether flags ask for launchers that are started from here."""
    return "hosts" in chosen or chosen.get("placement") == "ray"


def drive(chosen: Mapping[str, Any]) -> int:
    """Run an experiment; return the exit status, after printing why it is not 0."""
    try:
        with end_once():
            links = connections(chosen)
            left = {
                name: value
                for name, value in chosen.items()
                if name not in (*PLACING, *KNOWN)
            }
            return Driver(links, left).run()
    except (DecentralizepyError, Stopped) as error:
        print(error, file=sys.stderr)
        return error.exit_status


def connections(chosen: Mapping[str, Any]) -> Sequence[Connection]:
    """Return a connection to each machine.

    Raises
    ------
    ConfigError
        If the flags contradict each other, or name no machines.
    """
    by_ssh = "hosts" in chosen
    for name in KNOWN:
        if name in chosen and (by_ssh or name != "machines"):
            cause = "follows from --hosts" if by_ssh else "follows from --placement ray"
            raise ConfigError(cause, key=f"--{name}", value=chosen[name])
    if not by_ssh:
        from decentralizepy.placement.ray import actors

        return actors(chosen)
    if chosen.get("placement"):
        cause = "--hosts places the launchers by ssh"
        raise ConfigError(cause, key="--placement", value=chosen["placement"])
    text = chosen.get("ssh", "ssh")
    command = _words(text)
    if not command:
        raise ConfigError(key="--ssh", value=text, expected="a command and its options")
    return [Ssh(host.strip(), command) for host in chosen["hosts"].split(",")]


def _words(text: str) -> list[str]:
    """Return the words of a command; none if a quotation does not end."""
    try:
        return shlex.split(text)
    except ValueError:
        return []
