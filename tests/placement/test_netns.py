"""Machines known by IPv6 address or host name, with two interfaces, or behind a firewall."""

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.launchers import ends
from tests.support.namespaces import Cable, sh, usable

pytestmark = [pytest.mark.processes, pytest.mark.root, pytest.mark.slow]
PORT = 29400
NAME = "decpy-node-a"


@pytest.fixture
def cable():
    if reason := usable():
        pytest.skip(reason)
    with Cable() as cable, contextlib.ExitStack() as stack:
        for side in (0, 1):
            address = [f"fd77::{side + 1}/64", "dev", "eth0", "nodad"]
            sh("ip", "-n", cable.names[side], "address", "add", *address)
        # an address at which only machine 0 reaches itself
        own = ["10.99.7.1/32", "dev", "lo"]
        sh("ip", "-n", cable.names[0], "address", "add", *own)
        for side in (0, 1):
            stack.callback(known(cable, side))
        yield cable


def known(cable, side):
    """Have a machine know machine 0 by a name with two addresses; return what undoes it."""
    folder = Path("/etc/netns", cable.names[side])
    folder.mkdir(parents=True)
    lines = [f"{host} {NAME}\n" for host in ("10.99.7.1", cable.addresses["0"])]
    (folder / "hosts").write_text("127.0.0.1 localhost\n" + "".join(lines))

    def undo():
        (folder / "hosts").unlink()
        folder.rmdir()

    return undo


def on_both(cable, experiment, host, *flags):
    """Run a command on both machines; return status, output and errors of each."""
    words = [sys.executable, "-m", "decentralizepy", *flags]
    words += [
        *experiment(rounds=2)[4:],
        "--rendezvous",
        f"{host}:{PORT}",
        "-ms",
        "2",
        "-ps",
        "2",
    ]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    started = [
        cable.start(side, [*words, "--machine-id", str(side)], cwd=ROOT, **pipes)
        for side in (0, 1)
    ]
    return ends(started)


@pytest.mark.parametrize("host", ["[fd77::1]", NAME])
def test_machines_meet_by_address_and_by_name(cable, experiment, tmp_path, host):
    told = on_both(cable, experiment, host, "run")
    assert [status for status, _, _ in told] == [0, 0], told
    assert len([*(tmp_path / "run/weights").glob("1_weight_*.pt")]) == 4


def test_a_direction_that_is_blocked_is_named(cable, experiment):
    """Machine 1 lets nobody in, but itself reaches machine 0."""
    rule = """
        table inet faults {
            chain input {
                type filter hook input priority 0;
                tcp flags & (syn | ack) == syn drop
            }
        }
    """
    sh(*cable.on(1, ["nft", "-f", "-"]), stdin=rule)
    host = cable.addresses["0"]
    (status, shown, errors), (other, out, more) = on_both(
        cable, experiment, host, "check", "--network"
    )
    assert (status, other, out) == (1, 1, ""), errors + more
    assert errors.count("does not reach") == more.count("does not reach") == 1
    assert "machine 0 (" in errors
    assert f"at {cable.addresses['1']}:" in errors
    assert errors.rstrip().endswith("timed out")
    assert "blocked" in shown
    assert "MiB/s" in shown
