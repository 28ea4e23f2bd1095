"""Breaks when a firewall between machines is only noticed when nodes have waited long."""

import re
import socket
import subprocess

import pytest

from decentralizepy.placement.reach import unanswered
from tests.support import ROOT
from tests.support.launchers import ends
from tests.support.namespaces import Cable, sh, usable
from tests.support.ports import free_offset

RULES = """
    table inet firewall {
        chain input {
            type filter hook input priority 0;
            tcp dport 10000-32000 drop
        }
    }
"""


def test_a_port_that_is_held_or_listened_at_answers():
    """Nobody listens at a held one yet, so that the connection is refused."""
    held = free_offset(1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        addresses = {
            "0": "10.0.0.1:1",
            "1": f"127.0.0.1:{held}",
            "2": f"127.0.0.1:{port}",
        }
        assert unanswered(0, addresses) == []


@pytest.mark.root
@pytest.mark.processes
@pytest.mark.slow
def test_ports_that_are_blocked_one_way_end_all_with_a_line_that_says_which(experiment):
    """Machine 1 takes no connections, but makes them."""
    if reason := usable():
        pytest.skip(reason)
    words = [*experiment(), "-ps", "2", "--machines", "2"]
    with Cable() as cable:
        sh(*cable.on(1, ["nft", "-f", "-"]), stdin=RULES)
        words += ["--rendezvous", f"{cable.addresses['0']}:9400"]
        launchers = [
            cable.start(
                side,
                [*words, "--machine-id", str(side)],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for side in (0, 1)
        ]
        told = ends(launchers)
    for status, _, errors in told:
        assert status == 3, errors
        assert re.fullmatch(
            r"machine 0 \(.*\) does not reach machine 1 \(.*\) at .*:\d+: .*; but the "
            "other way round",
            errors.splitlines()[-1],
        ), errors
