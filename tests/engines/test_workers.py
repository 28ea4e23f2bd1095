"""Breaks when a node cannot start processes, such as DataLoader workers, or leaves them behind."""

import multiprocessing
import os
import signal
import sys
import time

import psutil
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from decentralizepy.engines.process import LocalNodes
from decentralizepy.runs.spec import NodeSpec
from tests.support import LIMIT_S

pytestmark = pytest.mark.processes


def load(folder, ending):
    """Be a node: read a batch with two workers, then end, in the midst of an epoch."""
    loader = DataLoader(TensorDataset(torch.arange(64.0)), 4, num_workers=2)
    batches = iter(loader)
    (x,) = next(batches)
    assert x.tolist() == [0, 1, 2, 3]
    workers = [child.pid for child in psutil.Process().children()]
    assert len(workers) == 2
    (folder / "workers").write_text(" ".join(map(str, workers)))
    if ending == "raise":
        raise RuntimeError("the node fails")
    if ending == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if ending == "wait":
        time.sleep(60)


def die_before_a_child(folder, ending):
    """Be a node that is killed while a process of its own sleeps."""
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,))
    child.start()
    (folder / "workers").write_text(str(child.pid))
    os.kill(os.getpid(), signal.SIGKILL)


def spec(folder, ending, node=load):
    return NodeSpec(node, (folder, ending), 0, 0, 0, folder / "0.log")


@pytest.mark.parametrize(
    ("ending", "code"), [("return", 0), ("raise", 1), ("kill", -signal.SIGKILL)]
)
def test_a_node_may_have_workers_and_leaves_none(tmp_path, ending, code):
    with LocalNodes([spec(tmp_path, ending)], go_on=lambda spec: True) as nodes:
        nodes.start()
        while not nodes.wait(0.2):
            pass
        assert nodes.processes[0].exitcode == code, (tmp_path / "0.log").read_text()
        assert all_gone(tmp_path)


def test_workers_of_a_node_that_is_stopped_end(tmp_path):
    with LocalNodes([spec(tmp_path, "wait")]) as nodes:
        nodes.start()
        waited = until(lambda: (tmp_path / "workers").exists())
        assert waited, (tmp_path / "0.log").read_text()
    assert all_gone(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux does it")
def test_a_process_that_does_not_look_after_itself_ends_with_its_node(tmp_path):
    """Breaks when it outlives the node, and keeps the ports that it has inherited."""
    with LocalNodes(
        [spec(tmp_path, "kill", die_before_a_child)], go_on=lambda spec: True
    ) as nodes:
        nodes.start()
        while not nodes.wait(0.2):
            pass
    assert all_gone(tmp_path)


def all_gone(folder):
    pids = map(int, (folder / "workers").read_text().split())
    return until(lambda pids=list(pids): not any(map(is_running, pids)))


def is_running(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def until(condition):
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
