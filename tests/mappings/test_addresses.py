"""Breaks when a node would listen, or be looked for, at an address nobody meant."""

import json
import socket

import pytest

from decentralizepy.communication.TCP import TCP
from decentralizepy.errors import AddressError
from decentralizepy.mappings.addresses import host_of, hosts_of
from decentralizepy.mappings.Linear import Linear
from tests.support.ports import free_offset

HELLO = {"HELLO": 0, "CHANNEL": "CONNECT"}
NAMES = {
    "own": [(socket.AF_INET, "127.0.1.1")],
    "six": [(socket.AF_INET6, "fd00::5")],
    "both": [(socket.AF_INET6, "fd00::5"), (socket.AF_INET, "10.0.0.5")],
}


@pytest.fixture(autouse=True)
def names(monkeypatch):
    """Resolve the names above, and no others."""

    def resolve(host, port, **options):
        if host not in NAMES:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [
            (family, socket.SOCK_STREAM, 6, "", (address, 0))
            for family, address in NAMES[host]
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("10.0.0.5", "10.0.0.5"),
        ("fd00::5", "fd00::5"),
        ("[fd00:0::5]", "fd00::5"),
        ("six", "fd00::5"),
        ("both", "10.0.0.5"),
    ],
)
def test_a_host_is_an_address_of_either_version_or_a_name(written, address):
    assert host_of({"0": written}, 0, "ip.json") == address


@pytest.mark.parametrize(
    "written", ["010.0.0.1", "10.1", "0x7f.0.0.1", "12345", "300.1.1.1", "1.2.3.4.5"]
)
def test_what_looks_like_an_address_and_is_none_is_refused(written):
    """The C library takes 010.0.0.1 for 8.0.0.1, and 10.1 for 10.0.0.1."""
    with pytest.raises(AddressError, match=f"'{written}' is not an IP address"):
        host_of({"0": written}, 0, "ip.json")


@pytest.mark.parametrize("own", ["own", "127.0.0.1", "::1"])
def test_an_address_that_other_machines_cannot_reach_is_refused(own):
    """Debian gives a machine's own name 127.0.1.1: it would listen there, alone."""
    addresses = {"0": own, "1": "10.0.0.2"}
    with pytest.raises(AddressError, match=f"machine \"0\": '{own}' is .* no other"):
        hosts_of(addresses, [0, 1], "ip.json")


def test_machines_that_are_one_may_all_be_loopback():
    addresses = {"0": "127.0.0.1", "1": "127.0.0.2", "2": "::1"}
    assert len(hosts_of(addresses, range(3), "ip.json")) == 3


def test_nodes_talk_over_version_6(tmp_path):
    path = tmp_path / "ip.json"
    path.write_text(json.dumps({"0": "::1"}))
    offset, mapping = free_offset(4), Linear(1, 2)
    options = {"addresses_filepath": str(path), "offset": offset}
    options = TCP.prepare(options, mapping, 0, [0, 1], tmp_path)
    ends = [TCP(rank, 0, mapping, 2, **options) for rank in range(2)]
    ends[0].init_connection(1)
    ends[0].send(1, HELLO)
    assert ends[1].receive() == (0, HELLO)
    assert ends[0].addr(1, 0) == f"tcp://[::1]:{offset + 3}"
    for end in ends:
        end.terminate()


def test_a_port_of_version_6_in_use_is_named(tmp_path):
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as taken:
        port = taken.getsockname()[1]
        (tmp_path / "ip.json").write_text(json.dumps({"0": "::1"}))
        options = {"addresses_filepath": str(tmp_path / "ip.json"), "offset": port - 1}
        with pytest.raises(AddressError, match=f"port {port} of ::1 cannot be used"):
            TCP.prepare(options, Linear(1, 1), 0, [0], tmp_path)


def test_two_that_start_at_once_on_one_port_are_told_in_a_line(tmp_path):
    """The launchers of both found it free."""
    (tmp_path / "ip.json").write_text(json.dumps({"0": "127.0.0.1"}))
    place = (0, 0, Linear(1, 2), 2, str(tmp_path / "ip.json"), free_offset(4))
    first = TCP(*place)
    with pytest.raises(AddressError, match=r"uid 0 cannot listen .* another offset"):
        TCP(*place)
    first.terminate()
