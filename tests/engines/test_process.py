"""Breaks when a node's process ends late, or with the wrong exit status."""

import multiprocessing
import os
import signal
import time

import pytest

from decentralizepy.engines import process
from decentralizepy.engines.process import LocalNodes
from decentralizepy.errors import PeerTimeout
from decentralizepy.runs.signals import Stopped, end_once
from decentralizepy.runs.spec import NodeSpec
from tests.support import LIMIT_S

ERRORS = {
    "raise": lambda: RuntimeError("broken"),
    "lose": lambda: PeerTimeout("nobody there"),
    "exit": lambda: SystemExit(4),
}
STATUS = {"raise": 1, "lose": 3, "exit": 4, "stop": 143}


class Holder:
    """A node that holds something whose end is seen, as sockets that linger are."""

    def __init__(self, how, marker):
        self.marker = marker
        if how == "stop":
            os.kill(os.getpid(), signal.SIGTERM)
        raise ERRORS[how]()

    def __del__(self):
        self.marker.write_text("destroyed")


@pytest.mark.parametrize("how", STATUS)
def test_a_node_that_fails_frees_nothing(tmp_path, how):
    """Its sockets would linger for 10 s, and a signal would be raised in a destructor."""
    marker = tmp_path / "marker"
    spec = NodeSpec(Holder, (how, marker), 0, 0, 0, tmp_path / "0.log")
    context = multiprocessing.get_context("fork")
    arguments = spec, os.getpid(), tmp_path / "report", context.Semaphore(1)
    node = context.Process(target=process._run, args=arguments)
    node.start()
    node.join()
    assert node.exitcode == STATUS[how]
    assert not marker.exists()


def test_no_node_begins_before_all_are_forked(tmp_path, monkeypatch):
    """With 512, the first ones would leave the launcher no time to fork the others."""
    specs = [
        NodeSpec(lambda: None, (), rank, 0, rank, tmp_path / f"{rank}.log")
        for rank in range(2)
    ]
    report, seen = LocalNodes._report, []

    def look(nodes, spec):
        for forked in nodes.processes:
            forked.join(0.5)  # it would end at once
            seen.append(forked.exitcode)
        return report(nodes, spec)

    monkeypatch.setattr(LocalNodes, "_report", look)
    with LocalNodes(specs) as nodes:
        nodes.start()
        assert seen == [None]
        while not nodes.wait(LIMIT_S):
            pass


def test_nobody_is_waited_for_once_all_have_ended(tmp_path, monkeypatch):
    """Waiting for none of them would take the whole timeout."""
    spec = NodeSpec(lambda: None, (), 0, 0, 0, tmp_path / "0.log")
    with LocalNodes([spec]) as nodes:
        nodes.start()
        nodes.processes[0].join()
        monkeypatch.setattr(process.connection, "wait", None)
        assert nodes.wait(LIMIT_S)


def test_nodes_that_have_not_begun_are_stopped(tmp_path):
    """As where the last one cannot be forked."""
    spec = NodeSpec(lambda: None, (), 0, 0, 0, tmp_path / "0.log")
    context = multiprocessing.get_context("fork")
    arguments = spec, os.getpid(), tmp_path / "report", context.Semaphore(0)
    node = context.Process(target=process._run, args=arguments)
    node.start()
    node.terminate()
    node.join()
    assert node.exitcode in (STATUS["stop"], -signal.SIGTERM)  # before its handler


class Deaf:
    """A node that SIGTERM does not end."""

    def __init__(self, marker):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        marker.touch()
        time.sleep(LIMIT_S)


def test_a_node_is_killed_although_a_signal_interrupts_the_launcher(
    tmp_path, monkeypatch
):
    """A second SIGTERM, while the launcher waited for the node, left it there."""
    marker = tmp_path / "marker"
    nodes = LocalNodes([NodeSpec(Deaf, (marker,), 0, 0, 0, tmp_path / "0.log")])
    nodes.start()
    (node,) = nodes.processes
    while not marker.exists():
        assert node.exitcode is None
        time.sleep(0.01)
    join, asked = node.join, []

    def interrupted(timeout=None):
        if not asked:
            asked.append(timeout)
            raise Stopped(signal.SIGTERM)
        join(timeout)

    monkeypatch.setattr(node, "join", interrupted)
    with pytest.raises(Stopped), nodes:
        pass
    assert node.exitcode == -signal.SIGKILL


class Asked(Deaf):
    """A node that stops its launcher again when it is asked to stop."""

    def __init__(self, marker):
        def again(number, frame):
            os.kill(os.getppid(), signal.SIGINT)

        signal.signal(signal.SIGTERM, again)
        marker.touch()
        while True:
            time.sleep(LIMIT_S)


def test_a_second_signal_kills_at_once(tmp_path, monkeypatch):
    """Whoever presses Ctrl-C twice does not want to wait for a node that is deaf."""
    monkeypatch.setattr(process, "STOP_S", 1e6)
    marker = tmp_path / "marker"
    nodes = LocalNodes([NodeSpec(Asked, (marker,), 0, 0, 0, tmp_path / "0.log")])
    with pytest.raises(Stopped, match="SIGTERM"), end_once(), nodes:
        _stop_when_started(nodes, marker)
    assert nodes.processes[0].exitcode == -signal.SIGKILL


def _stop_when_started(nodes, marker):
    nodes.start()
    while not marker.exists():
        assert nodes.alive
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGTERM)
