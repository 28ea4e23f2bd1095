"""The address file, which maps machines to hosts."""

import ipaddress
import json
import re
import socket
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path
from typing import Any

from decentralizepy.errors import AddressError

# the C library accepts these as addresses, but not as intended: 010 is octal for 8
_WITH_OFFSET = re.compile(r"(\[.*\]|[^:]*):([0-9]+)")
_NUMBERS = re.compile(r"(0[xX][0-9a-fA-F]*|[0-9]+)(\.(0[xX][0-9a-fA-F]*|[0-9]+))*\.?")


def read_addresses(path: str) -> dict[str, str]:
    """Return the address file's machines and hosts.

    Raises
    ------
    AddressError
        If it cannot be read, or is not a JSON object of machines and hosts.
    """
    text = _text(path)
    try:
        addresses = json.loads(text, object_pairs_hook=_pairs)
    except json.JSONDecodeError as error:
        cause = f"no JSON: {error.msg}"
        raise AddressError(cause, file=path, line=error.lineno) from None
    except RecursionError:
        raise AddressError("no JSON: too deep", file=path) from None
    except AddressError as error:
        error.locate(file=path)
        raise
    if not isinstance(addresses, dict):
        expected = 'a JSON object of machines and hosts, as {"0": "localhost"}'
        raise AddressError(file=path, expected=expected)
    for machine, host in addresses.items():
        if not isinstance(host, str) or not host.strip():
            raise AddressError(
                f'machine "{machine}": expected a host name or an IP address, not '
                f"{json.dumps(host)[:40]}",
                file=path,
            )
    return addresses


def offset_of(addresses: dict[str, str], machine_id: int, default: int) -> int:
    """Return the port that follows a machine's host in the file, or else the default."""
    offset = _split(addresses.get(str(machine_id), ""))[1]
    return default if offset is None else offset


def host_of(addresses: dict[str, str], machine_id: int, path: str) -> str:
    """Return the IP address of a machine, IPv4 if it has both.

    Raises
    ------
    AddressError
        If the machine is not in the file, or its name does not resolve.
    """
    host = addresses.get(str(machine_id))
    if host is None:
        known = ", ".join(sorted(addresses)) or "none"
        raise AddressError(f'no machine "{machine_id}"; it has {known}', file=path)
    where, host = f'machine "{machine_id}"', _split(host)[0]
    if written := _literal(host):
        return written
    if _NUMBERS.fullmatch(host):
        raise AddressError(
            f"{where}: {host!r} is not an IP address: expected four numbers from 0 to "
            "255 without leading zeros, as 10.0.0.1",
            file=path,
        )
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        cause = f"{where}: the name {host!r} does not resolve"
        raise AddressError(cause, file=path) from None
    found.sort(
        key=lambda each: each[0] != socket.AF_INET
    )  # stable: otherwise in resolver order
    return str(found[0][4][0])


def hosts_of(
    addresses: dict[str, str], machines: Iterable[int], path: str
) -> dict[int, str]:
    """Return the IP addresses of machines, all of which run nodes.

    Raises
    ------
    AddressError
        If two are the same, at the same offset, or one is a loopback address and another
        is not.
    """
    hosts = {machine: host_of(addresses, machine, path) for machine in sorted(machines)}
    offsets = {machine: offset_of(addresses, machine, 0) for machine in hosts}
    for one, other in combinations(hosts, 2):
        if (hosts[one], offsets[one]) == (hosts[other], offsets[other]):
            raise AddressError(
                f'machines "{one}" and "{other}" are both {hosts[one]}: their nodes '
                "would listen at the same ports",
                file=path,
            )
    near = [machine for machine in hosts if is_loopback(hosts[machine])]
    if near and len(near) < len(hosts):
        machine = near[0]
        far = next(host for each, host in hosts.items() if each not in near)
        raise AddressError(
            f'machine "{machine}": {addresses[str(machine)]!r} is '
            f"{hosts[machine]} here, an address that no other machine reaches (Debian "
            "gives a machine's own name 127.0.1.1 in /etc/hosts); write the address at "
            f"which others reach it{_outgoing(far)}",
            file=path,
        )
    return hosts


def not_here(host: str) -> AddressError:
    """Return the error about an IP address that no interface of this machine has."""
    cause = (
        f"{host} is not an address of this machine; correct the address file or -mid"
    )
    return AddressError(cause)


def is_loopback(host: str) -> bool:
    """Return whether an IP address is a loopback address."""
    return ipaddress.ip_address(host).is_loopback


def endpoint(host: str, port: int) -> str:
    """Return the ZeroMQ endpoint of a port at an IPv4 or IPv6 address."""
    return f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"


def family(host: str) -> socket.AddressFamily:
    """Return the address family of an IP address."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _split(written: str) -> tuple[str, int | None]:
    """Return the host and the offset of ``HOST`` or ``HOST:OFFSET``."""
    if found := _WITH_OFFSET.fullmatch(written):
        return found[1], int(found[2])
    return written, None


def _literal(host: str) -> str | None:
    """Return ``host`` if it is an IP address, without the brackets of a URL."""
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        return None


def _outgoing(far: str) -> str:
    """Suggest the address from which this machine would reach ``far``."""
    with socket.socket(family(far), socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((far, 9))  # sends nothing
        except OSError:
            return ""
        own: str = probe.getsockname()[0]
    return "" if is_loopback(own) else f"; on this machine that is {own}"


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise _unreadable(path, str(error.strerror)) from None
    except UnicodeDecodeError:
        raise AddressError("not text in UTF-8", file=path) from None
    except ValueError as error:  # a path that cannot be
        raise _unreadable(path, str(error)) from None


def _unreadable(path: str, cause: str) -> AddressError:
    return AddressError(
        cause, section="COMMUNICATION", key="addresses_filepath", value=path
    )


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    machines: dict[str, Any] = {}
    for name, host in pairs:
        if name in machines:
            raise AddressError(f'machine "{name}": given twice')
        machines[name] = host
    return machines
