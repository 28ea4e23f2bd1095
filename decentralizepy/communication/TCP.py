"""Messages over TCP, on one machine or many."""

import json
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from decentralizepy.communication._zeromq import ZeroMQ
from decentralizepy.errors import AddressError
from decentralizepy.mappings.Mapping import Mapping


class TCP(ZeroMQ):
    """ZeroMQ over TCP; the node of rank r listens at port ``offset + 2 r + 1``.

    Parameters
    ----------
    rank, machine_id, mapping, total_procs
        As for :class:`~decentralizepy.communication.Communication.Communication`.
    addresses_filepath : str
        A JSON object from machine numbers, as text, to host names or IP addresses:
        ``{"0": "localhost"}``.
    offset : int, default 9000
        Two runs on one machine need offsets that differ by twice their ranks.
    recv_timeout : int, default 50
        Milliseconds that ``receive(block=False)`` waits at most.

    Raises
    ------
    AddressError
        If the file or a machine in it is missing, or a name does not resolve.
    """

    def __init__(
        self,
        rank: int,
        machine_id: int,
        mapping: Mapping,
        total_procs: int,
        addresses_filepath: str,
        offset: int = 9000,
        recv_timeout: int = 50,
    ) -> None:
        self.addresses_filepath, self.offset = addresses_filepath, offset
        self.ip_addresses = read_addresses(addresses_filepath)
        super().__init__(rank, machine_id, mapping, total_procs, recv_timeout)

    @classmethod
    def prepare(
        cls,
        options: dict[str, Any],
        mapping: Mapping,
        machine_id: int,
        ranks: Iterable[int],
        scratch: Path,
    ) -> dict[str, Any]:
        path = options["addresses_filepath"]
        addresses = read_addresses(path)
        uids = range(mapping.get_n_procs())
        machines = {mapping.get_machine_and_rank(uid)[1] for uid in uids}
        hosts = {m: host_of(addresses, m, path) for m in machines | {machine_id}}
        for rank in sorted(ranks):
            check_free(hosts[machine_id], port_of(rank, options.get("offset", 9000)))
        return options

    def address(self, rank: int, machine_id: int) -> str:
        host = host_of(self.ip_addresses, machine_id, self.addresses_filepath)
        return f"tcp://{host}:{port_of(rank, self.offset)}"


def port_of(rank: int, offset: int) -> int:
    """Return the port of the node of ``rank``: odd, so that rank -1 has one too."""
    port = offset + 2 * rank + 1
    if not 0 < port < 65536:
        raise AddressError(
            f"[COMMUNICATION] offset = {offset}: rank {rank} would listen at port {port};"
            " ports lie in 1-65535"
        )
    return port


def read_addresses(path: str) -> dict[str, str]:
    """Return the address file's machines and hosts."""
    try:
        addresses = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise AddressError(
            f"[COMMUNICATION] addresses_filepath = {path}: {error.strerror}"
        ) from None
    except ValueError as error:
        raise AddressError(f"{path}: no JSON: {error}") from None
    if not isinstance(addresses, dict) or not all(
        isinstance(host, str) for host in addresses.values()
    ):
        raise AddressError(
            f'{path}: expected a JSON object of machines and hosts, as {{"0": "localhost"}}'
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


def check_free(host: str, port: int) -> None:
    """Raise an AddressError if no node could listen at ``host:port``."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise AddressError(
                f"port {port} of {host} cannot be used: {error.strerror}{_owner(port)};"
                " set another offset in [COMMUNICATION]"
            ) from None


def _owner(port: int) -> str:
    """Name the process that listens at ``port``, where the system tells it."""
    import psutil  # only where something went wrong

    try:
        connections = psutil.net_connections("tcp")
    except psutil.Error:
        return ""
    pids = [c.pid for c in connections if c.laddr and c.laddr.port == port and c.pid]
    return f" by process {pids[0]}" if pids else ""
