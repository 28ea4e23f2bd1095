"""Breaks when a node's process ends late, or with another status than its error's."""

import multiprocessing
import os
import signal

import pytest

from decentralizepy.engines import process
from decentralizepy.errors import PeerTimeout
from decentralizepy.run.spec import NodeSpec

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
    node = multiprocessing.get_context("fork").Process(
        target=process._run, args=(spec, os.getpid(), tmp_path / "report")
    )
    node.start()
    node.join()
    assert node.exitcode == STATUS[how]
    assert not marker.exists()
