"""Runs an experiment on machines that it starts launchers on itself."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from decentralizepy.config.flags import PLACING
from decentralizepy.errors import ConfigError, DecentralizepyError
from decentralizepy.placement.driver import Connection, Driver
from decentralizepy.placement.ssh import Ssh
from decentralizepy.runs.signals import Stopped, end_once

KNOWN = ("machine_id", "machines", "rendezvous")  # to whoever starts the launchers


def is_remote(chosen: Mapping[str, Any]) -> bool:
    """Return whether flags ask for launchers that are started from here."""
    return bool(chosen.get("hosts")) or chosen.get("placement") == "ray"


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
    by_ssh = bool(chosen.get("hosts"))
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
    command = shlex.split(chosen.get("ssh", "ssh"))
    return [Ssh(host.strip(), command) for host in chosen["hosts"].split(",")]
