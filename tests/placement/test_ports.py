"""Breaks when the ports of a run are taken between its launchers' start and its nodes'."""

import contextlib
import errno
import os
import re
import socket

import pytest
import zmq

from decentralizepy.errors import AddressError
from decentralizepy.placement import ports
from decentralizepy.placement.ports import held
from tests.support.alike import assert_same_weights
from tests.support.launcher import results
from tests.support.launchers import ends
from tests.support.ports import free_offset


def has_bound(address):
    """Tell whether this process has a socket that is bound to an address."""
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError), socket.socket(fileno=int(name)) as each:
            bound = each.getsockname() == address
            each.detach()  # leaves the descriptor open
            if bound:
                return True
    return False


def pair(offset):
    return [offset, offset + 1]


def test_two_launchers_on_one_host_get_different_ports():
    wished = free_offset(2)
    with held("127.0.0.1", pair, wished) as one, held("127.0.0.1", pair, wished) as two:
        assert one == wished
        assert not {*pair(one)} & {*pair(two)}


def test_nodes_listen_at_the_held_ports_and_nobody_is_heard_there_before():
    with held("127.0.0.1", pair) as offset:
        address = "127.0.0.1", offset
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)
        for _ in range(2):  # also after a restart
            with socket.create_server(address):  # with SO_REUSEADDR, as ZeroMQ does
                socket.create_connection(address).close()
        with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
            router.bind(f"tcp://127.0.0.1:{offset + 1}")


def test_ports_are_free_again_after_the_run():
    with held("127.0.0.1", pair) as offset:
        pass
    with held("127.0.0.1", pair, offset) as again:
        assert again == offset


def test_forked_processes_do_not_keep_the_ports():
    """A process of hundreds of nodes would otherwise have a descriptor for each of them."""
    with held("127.0.0.1", pair) as offset:
        address = "127.0.0.1", offset
        if not (child := os.fork()):
            os._exit(has_bound(address))
        assert has_bound(address)
        assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize(
    ("host", "number", "line"),
    [
        ("192.0.2.1", None, "192.0.2.1 is not an address of this machine"),
        ("127.0.0.1", errno.EMFILE, "cannot be held: Too many open files"),
    ],
)
def test_ports_that_no_offset_makes_free_are_said_at_once(
    monkeypatch, host, number, line
):
    def hold(host, port):
        raise OSError(number, os.strerror(number))

    if number:
        monkeypatch.setattr(ports, "_hold", hold)
    with pytest.raises(AddressError, match=line), held(host, pair):
        pass


@pytest.mark.processes
@pytest.mark.slow
def test_two_runs_of_one_file_at_once_do_not_meet(experiment, tmp_path, launch):
    """Node 0 of each trains only when that of the other does."""
    (tmp_path / "meeting").mkdir()
    meeting = {
        "dataset_package": "tests.support.slow",
        "dataset_class": "Meeting",
        "folder": str(tmp_path / "meeting"),
    }
    words = experiment(rounds=3, DATASET=meeting)
    file = tmp_path / "run.ini"
    file.write_text(re.sub("offset = .*", "", file.read_text()))
    folders = [tmp_path / name for name in ("one", "two")]
    runs = [
        launch([*words, "-ld", str(folder), "-wsd", str(folder / "weights")])
        for folder in folders
    ]
    told = ends(runs)
    assert [status for status, _, _ in told] == [0, 0], told
    assert results(tmp_path / "one") == results(tmp_path / "two") != {}
    assert_same_weights(tmp_path / "one" / "weights", tmp_path / "two" / "weights")
