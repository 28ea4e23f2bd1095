"""The address file: which machine of a network has which address."""

import json
import socket
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path
from typing import Any

from decentralizepy.errors import AddressError


def read_addresses(path: str) -> dict[str, str]:
    """Return the address file's machines and hosts.

    Raises
    ------
    AddressError
        If it cannot be read, or is no JSON object of machines and hosts.
    """
    text = _text(path)
    try:
        addresses = json.loads(text, object_pairs_hook=_pairs)
    except json.JSONDecodeError as error:
        raise AddressError(
            f"{path}, line {error.lineno}: no JSON: {error.msg}"
        ) from None
    except RecursionError:
        raise AddressError(f"{path}: no JSON: too deep") from None
    except _TwiceError as error:
        raise AddressError(f"{path}: {error}") from None
    if not isinstance(addresses, dict):
        raise AddressError(
            f'{path}: expected a JSON object of machines and hosts, as {{"0": "localhost"}}'
        )
    for machine, host in addresses.items():
        if not isinstance(host, str) or not host.strip():
            raise AddressError(
                f'{path}: machine "{machine}": expected a host name or an IP address, '
                f"not {json.dumps(host)[:40]}"
            )
    return addresses


def host_of(addresses: dict[str, str], machine_id: int, path: str) -> str:
    """Return the IP address of a machine."""
    host = addresses.get(str(machine_id))
    if host is None:
        known = ", ".join(sorted(addresses)) or "none"
        raise AddressError(f'{path}: no machine "{machine_id}"; it has {known}')
    try:
        return socket.gethostbyname(host)
    except (OSError, UnicodeError):
        raise AddressError(
            f'{path}: machine "{machine_id}": the name {host!r} does not resolve'
        ) from None


def hosts_of(
    addresses: dict[str, str], machines: Iterable[int], path: str
) -> dict[int, str]:
    """Return the IP addresses of machines that all have nodes, so ports of their own."""
    hosts = {machine: host_of(addresses, machine, path) for machine in sorted(machines)}
    for one, other in combinations(hosts, 2):
        if hosts[one] == hosts[other]:
            raise AddressError(
                f'{path}: machines "{one}" and "{other}" are both {hosts[one]}: their '
                "nodes would listen at the same ports"
            )
    return hosts


class _TwiceError(Exception):
    """A machine that is given twice."""


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise AddressError(
            f"[COMMUNICATION] addresses_filepath = {path}: {error.strerror}"
        ) from None
    except UnicodeDecodeError:
        raise AddressError(f"{path}: not text in UTF-8") from None
    except ValueError as error:  # a path that cannot be
        raise AddressError(
            f"[COMMUNICATION] addresses_filepath = {path}: {error}"
        ) from None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    machines: dict[str, Any] = {}
    for name, host in pairs:
        if name in machines:
            raise _TwiceError(f'machine "{name}": given twice')
        machines[name] = host
    return machines
