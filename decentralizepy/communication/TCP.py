"""Transport over TCP, on one or several machines."""

import socket
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from decentralizepy.communication import _security
from decentralizepy.communication._zeromq import ZeroMQ
from decentralizepy.errors import AddressError
from decentralizepy.mappings.addresses import (
    endpoint,
    family,
    host_of,
    hosts_of,
    is_loopback,
    read_addresses,
)
from decentralizepy.mappings.Mapping import Mapping

# names that scripts import; nothing here reads them
HELLO, BYE = "HELLO", "BYE"


class TCP(ZeroMQ):
    """ZeroMQ over TCP; the node of rank r listens at port ``offset + 2 r + 1``.

    Parameters
    ----------
    rank, machine_id, mapping, total_procs
        As for :class:`~decentralizepy.communication.Communication.Communication`.
    addresses_filepath : str
        A JSON object from machine numbers, as text, to host names or IP addresses of
        version 4 or 6: ``{"0": "localhost"}``.
    offset : int, default 9000
        Two runs on one machine need offsets that differ by twice their ranks.
    recv_timeout : int, default 50
        Milliseconds that ``receive(block=False)`` waits at most.
    security : {"none", "mac", "curve"}, default "none"
        Who may talk to a node. ``none``: whoever reaches its port and says to be a
        node. ``mac``: whoever has the run's key, by which also changed and repeated
        messages are found. ``curve``: the owners of the keys in ``keys_dir``, each
        under its own uid; what they send is enciphered.
    key_file : str, default ""
        Of ``mac``: a file that ``decentralizepy keys --mac`` made, the same on every
        machine, and new for every run. On one machine the launcher makes it.
    keys_dir : str, default ""
        Of ``curve``: a folder that ``decentralizepy keys`` made, with the public keys
        of all nodes and the secret ones of this machine's.
    max_message : int, default 0
        Bytes that an array, or a header, of a message may have: a larger one is not
        sent, and a peer that sends one is cut off; 0 for no limit.
    heartbeat_timeout : float, default 10
        Seconds after which another machine that does not answer counts as gone; 0:
        when TCP gives up, after minutes. Not read if all nodes are on one machine.

    Raises
    ------
    AddressError
        If the file or a machine in it is missing, or a name does not resolve.
    ConfigError
        If the keys that ``security`` needs are not there.
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
        security: Literal["none", "mac", "curve"] = "none",
        key_file: str = "",
        keys_dir: str = "",
        max_message: _security.Bytes = 0,
        heartbeat_timeout: Annotated[float, Field(ge=0)] = 10,
    ) -> None:
        self.addresses_filepath, self.offset = addresses_filepath, offset
        self.ip_addrs = self.ip_addresses = read_addresses(addresses_filepath)
        self.heartbeat_timeout = 0 if is_local(mapping) else heartbeat_timeout
        super().__init__(
            rank,
            machine_id,
            mapping,
            total_procs,
            recv_timeout=recv_timeout,
            max_message=max_message,
            guard=_security.make_guard(security, key_file, keys_dir),
        )

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
        hosts = hosts_of(addresses, machines, path)
        hosts[machine_id] = host_of(addresses, machine_id, path)
        offset = options.get("offset", 9000)
        ports = [port_of(rank, offset) for rank in sorted(ranks)]
        check_free(hosts[machine_id], *ports)
        local = [mapping.get_uid(rank, machine_id) for rank in ranks]
        made = _security.prepare(options, local, uids, is_local(mapping), scratch)
        warn_if_open(made.get("security", "none"), set(hosts.values()))
        return made

    def address(self, rank: int, machine_id: int) -> str:
        host = host_of(self.ip_addresses, machine_id, self.addresses_filepath)
        return endpoint(host, port_of(rank, self.offset))

    def addr(self, rank: int, machine_id: int) -> str:
        """Return the endpoint of a node; DecentralizePy's name of ``address``."""
        return self.address(rank, machine_id)


def is_local(mapping: Mapping) -> bool:
    """Return whether all nodes are on this machine."""
    return mapping.get_local_procs_count() == mapping.get_n_procs()


def warn_if_open(security: str, hosts: set[str]) -> None:
    """Say that messages are neither enciphered nor signed, if they leave the machine."""
    if security == "none" and not all(map(is_loopback, hosts)):
        print(
            "warning: [COMMUNICATION] security = none: whoever reaches the nodes' ports"
            " can read and send models; mac and curve close them",
            file=sys.stderr,
        )


def port_of(rank: int, offset: int) -> int:
    """Return the port of the node of ``rank``: odd, so that rank -1 has one too."""
    port = offset + 2 * rank + 1
    if not 0 < port < 65536:
        raise AddressError(
            f"rank {rank} would listen at port {port}; ports lie in 1-65535",
            section="COMMUNICATION",
            key="offset",
            value=offset,
        )
    return port


def check_free(host: str, *ports: int) -> None:
    """Raise an AddressError, a line for each, if no node could listen at some ports."""
    causes = {port: cause for port in ports if (cause := _refusal(host, port))}
    owners = _owners() if causes else {}
    lines = (
        f"port {port} of {host} cannot be used: {cause}{owners.get(port, '')}; set "
        "another offset in [COMMUNICATION]"
        for port, cause in causes.items()
    )
    if causes:
        raise AddressError("\n".join(lines))


def _refusal(host: str, port: int) -> str | None:
    with socket.socket(family(host)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.strerror
    return None


def _owners() -> dict[int, str]:
    """Name the processes that listen at ports, where the system tells it."""
    import psutil  # only where something went wrong

    try:
        connections = psutil.net_connections("tcp")
    except psutil.Error:
        return {}
    return {
        c.laddr.port: f" by process {c.pid}" for c in connections if c.laddr and c.pid
    }
