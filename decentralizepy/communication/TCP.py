"""Transport over TCP, on one or several machines."""

import errno
import socket
import sys
from collections.abc import Iterable, Mapping as Options, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import zmq
from pydantic import Field

from decentralizepy.communication import _security
from decentralizepy.communication._zeromq import ZeroMQ
from decentralizepy.config.signatures import parameters
from decentralizepy.errors import AddressError
from decentralizepy.mappings.addresses import (
    endpoint,
    family,
    host_of,
    hosts_of,
    is_loopback,
    not_here,
    offset_of,
    read_addresses,
)
from decentralizepy.mappings.Mapping import Mapping

# unused here, but existing scripts import them
HELLO, BYE = "HELLO", "BYE"
OFFSET = 9000
DOOR, CURVE = (
    2,
    6,
)  # descriptors of the door's monitor, and of the authenticator's thread
LOCAL_BUFFER = 1 << 18  # bytes in the kernel on their way to a node on this machine


class TCP(ZeroMQ):
    """ZeroMQ over TCP; the node of rank r listens on port ``offset + 2 r + 1``.

    On a single machine, the launcher finds an offset at which all ports are free, unless
    the INI file or the address file gives one. With several machines, the launcher listens on port ``offset`` (``offset - 2`` if a
    service of rank -1 is all that runs on its machine).

    Parameters
    ----------
    rank, machine_id, mapping, total_procs
        As for :class:`~decentralizepy.communication.Communication.Communication`.
    addresses_filepath : str, default ""
        A JSON file that maps machine numbers to host names or to IPv4 or IPv6
        addresses: ``{"0": "localhost"}``. ``"10.0.0.1:21000"`` also gives the offset of
        that machine, and a key like ``"0/3"`` the address of one node, rank 3 on machine
        0. Not needed on a single machine, nor with ``--rendezvous``.
    offset : int, default 9000
        If given, runs at once on one machine need offsets that differ by at least twice the
        number of ranks. The default is for several machines with an address file, and for
        scripts without a launcher.
    recv_timeout : int, default 50
        Milliseconds after which ``receive(block=False)`` returns None.
    security : {"none", "mac", "curve"}, default "none"
        Whose messages a node accepts. ``none``: from anyone who can reach its port and
        claims to be a node, on a single machine with proof. ``mac``: from holders of the
        run's key; modified and replayed messages are detected. ``curve``: from owners of
        the keys in ``keys_dir``, each under its own uid; messages are encrypted.
    key_file : str, default ""
        For ``mac``: a file created by ``decentralizepy keys --mac``, the same on all
        machines and new for every run. On a single machine, the launcher creates it,
        for ``none``, too, where it only proves that a connection is a node's.
    keys_dir : str, default ""
        For ``curve``: a folder created by ``decentralizepy keys``, with the public keys
        of all nodes and the secret keys of the nodes on this machine.
    max_message : int, default 0
        Largest array or header of a message, in bytes; 0 means no limit. Larger ones
        are not sent, and a peer that sends one is disconnected.
    heartbeat_timeout : float, default 10
        Seconds after which an unresponsive machine counts as lost; 0 means when TCP
        gives up, after minutes. Ignored if all nodes are on one machine.

    Raises
    ------
    AddressError
        If the file is missing, lacks a machine, or has a name that does not resolve.
    ConfigError
        If the keys that ``security`` needs are missing.
    """

    def __init__(
        self,
        rank: int,
        machine_id: int,
        mapping: Mapping,
        total_procs: int,
        addresses_filepath: str = "",
        offset: int = OFFSET,
        recv_timeout: int = 50,
        security: Literal["none", "mac", "curve"] = "none",
        key_file: str = "",
        keys_dir: str = "",
        max_message: _security.Bytes = 0,
        heartbeat_timeout: Annotated[float, Field(ge=0)] = 10,
    ) -> None:
        self.addresses_filepath, self.offset = addresses_filepath, offset
        self.ip_addrs = self.ip_addresses = _addresses(addresses_filepath)
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
        path = options.get("addresses_filepath") or ""
        if not path and not is_local(mapping):
            raise AddressError(
                section="COMMUNICATION",
                key="addresses_filepath",
                value=path,
                expected="a file with the addresses of all machines, or --rendezvous",
            )
        addresses = _addresses(path)
        uids = range(mapping.get_n_procs())
        machines = {mapping.get_machine_and_rank(uid)[1] for uid in uids}
        hosts = hosts_of(addresses, machines, path)
        hosts[machine_id] = host_of(addresses, machine_id, path)
        offset = offset_of(addresses, machine_id, options.get("offset", OFFSET))
        ranks = sorted(ranks)
        ports = cls.ports(ranks, offset)
        check_free(hosts[machine_id], *(ports[:-1] if is_local(mapping) else ports))
        local = [mapping.get_uid(rank, machine_id) for rank in ranks]
        made = _security.prepare(options, local, uids, is_local(mapping), scratch)
        if is_local(mapping) and "key_file" in parameters(cls):  # not in every subclass
            made = _security.share_secret(made, scratch)
        if machine_id == 0:  # it speaks for all
            warn_if_open(made.get("security", "none"), set(hosts.values()))
        return made

    @classmethod
    def descriptors(cls, options: Options[str, Any], peers: int) -> int:
        guarded = CURVE if options.get("security") == "curve" else 0
        return super().descriptors(options, peers) + DOOR + guarded

    @classmethod
    def ports(cls, ranks: Sequence[int], offset: int) -> list[int]:
        """Return the ports of a machine's nodes, and that of its launcher.

        The launcher of a run on several machines listens in the name of rank 0, or of
        the service if that is all that runs there.
        """
        nodes = [port_of(rank, offset) for rank in ranks]
        return [*nodes, port_of(0 if 0 in ranks else ranks[0], offset - 1)]

    @classmethod
    def between_launchers(cls, options: Options[str, Any]) -> dict[str, Any]:
        """Return ``options`` with an offset at which no node listens."""
        offset = options.get("offset", OFFSET) - 1
        return {**options, "offset": offset, "recv_timeout": 50}

    def _socket(self, kind: int, peer: int | None = None) -> "zmq.Socket[bytes]":
        made = super()._socket(kind, peer)
        own = _node(self.rank, self.machine_id)
        if is_local(self.mapping) and own not in self.ip_addresses:
            # by default up to 4 MiB, which no longer fit the cache when they are received;
            # a network whose round trips are long needs them
            made.sndbuf = LOCAL_BUFFER
        return made

    def address(self, rank: int, machine_id: int) -> str:
        host = self.ip_addresses.get(_node(rank, machine_id)) or host_of(
            self.ip_addresses, machine_id, self.addresses_filepath
        )
        offset = offset_of(self.ip_addresses, machine_id, self.offset)
        return endpoint(host, port_of(rank, offset))

    def addr(self, rank: int, machine_id: int) -> str:
        """Return the endpoint of a node; DecentralizePy's name for ``address``."""
        return self.address(rank, machine_id)


def _addresses(path: str) -> dict[str, str]:
    """Return the addresses of a file; without one, that of a single machine."""
    return read_addresses(path) if path else {"0": "127.0.0.1"}


def _node(rank: int, machine_id: int) -> str:
    """Return the key under which an address file has the address of a single node."""
    return f"{machine_id}/{rank}"


def is_local(mapping: Mapping) -> bool:
    """Return whether all nodes are on this machine."""
    return mapping.get_local_procs_count() == mapping.get_n_procs()


def warn_if_open(security: str, hosts: set[str]) -> None:
    """Warn if messages leave the machine neither encrypted nor authenticated."""
    if security == "none" and not all(map(is_loopback, hosts)):
        print(
            "warning: [COMMUNICATION] security = none: anyone who can reach the nodes'"
            " ports can read and send models; mac and curve prevent that",
            file=sys.stderr,
        )


def port_of(rank: int, offset: int) -> int:
    """Return the port of the node of ``rank``, which is below ``offset`` for a service."""
    port = offset + 2 * rank + 1
    if not 0 < port < 65536:
        raise AddressError(
            f"rank {rank} would listen on port {port}; ports range from 1 to 65535",
            section="COMMUNICATION",
            key="offset",
            value=offset,
        )
    return port


def check_free(host: str, *ports: int) -> None:
    """Raise an AddressError, with one line per port, if ports cannot be bound."""
    causes = {port: cause for port in ports if (cause := _refusal(host, port))}
    if any(cause.errno == errno.EADDRNOTAVAIL for cause in causes.values()):
        raise not_here(host)
    owners = _owners() if causes else {}
    lines = (
        f"port {port} of {host} cannot be used: {cause.strerror}{owners.get(port, '')}; set "
        "another offset in [COMMUNICATION]"
        for port, cause in causes.items()
    )
    if causes:
        raise AddressError("\n".join(lines))


def _refusal(host: str, port: int) -> OSError | None:
    with socket.socket(family(host)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error
    return None


def _owners() -> dict[int, str]:
    """Return which process listens on each port, as far as the system tells."""
    import psutil  # slow to import, and only needed for an error

    try:
        connections = psutil.net_connections("tcp")
    except psutil.Error:
        return {}
    return {
        c.laddr.port: f" by process {c.pid}" for c in connections if c.laddr and c.pid
    }
