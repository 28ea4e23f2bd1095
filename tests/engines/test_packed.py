"""Breaks when the nodes of a worker process fail otherwise than processes do."""

import re
import signal
import subprocess
import time

import pytest
from hypothesis import given, strategies as st

from decentralizepy.engines.packed import share_out
from decentralizepy.node.process import threads
from decentralizepy.results.lines import read_shared
from tests.support import LIMIT_S, ROOT
from tests.support.launcher import NODES, results, run

PACKED = ("--engine", "packed", "--workers", "2")


@given(st.integers(1, 300), st.integers(1, 20))
def test_nodes_are_shared_out_in_order_and_evenly(nodes, workers):
    groups = share_out(list(range(nodes)), workers)
    assert [rank for group in groups for rank in group] == list(range(nodes))
    sizes = [len(group) for group in groups]
    assert len(sizes) == min(nodes, workers)
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.processes
def test_a_lone_worker_leaves_the_other_cores_alone(experiment, tmp_path):
    """Two such runs at once, each with a thread per core, took sixty times as long."""
    trainer = {
        "training_package": "tests.support.debugged",
        "training_class": "Threaded",
    }
    words = experiment(rounds=1, TRAIN_PARAMS=trainer)
    done = run([*words, "--engine", "packed", "--workers", "1"])
    assert done.returncode == 0, done.stderr
    log = (tmp_path / "run/0.log").read_text()
    assert f"threads: {threads(NODES)}\n" in log


@pytest.mark.processes
def test_a_bug_is_shown_with_its_line_and_ends_the_run(experiment):
    broken = {"training_package": "tests.support.debugged", "training_class": "Broken"}
    done = run([*experiment(TRAIN_PARAMS=broken), *PACKED])
    assert done.returncode == 1
    assert re.match(rf"{ROOT}/tests/support/debugged.py:\d+: in train: ", done.stderr)
    assert "uid 1 (rank 1, machine 0) failed in round 1" in done.stderr


@pytest.mark.processes
def test_a_bug_is_shown_although_the_other_worker_ends_first(experiment):
    """It hears of the node that failed, which has a worker with a node that lingers."""
    module = "tests.support.debugged"
    sections = {
        "TRAIN_PARAMS": {"training_package": module, "training_class": "Broken"},
        "NODE": {"node_package": module, "node_class": "Lingering"},
    }
    done = run([*experiment(**sections), *PACKED])
    assert done.returncode == 1
    assert "uid 1 (rank 1, machine 0) failed in round 1" in done.stderr


@pytest.mark.processes
def test_the_others_finish_without_a_node_that_fails(experiment, tmp_path):
    """Node 2 fails in its third round; node 1, its neighbor, runs in another worker."""
    sections = {
        "DATASET": {"dataset_class": "Dying"},
        "FAULTS": {"on_peer_loss": "drop"},
    }
    done = run([*experiment(**sections), *PACKED])
    assert done.returncode == 1
    assert "the toy broke" in done.stderr
    tables = results(tmp_path / "run")
    rounds = [len(tables[f"{rank}_results.json"]["total_bytes"]) for rank in range(4)]
    assert rounds == [10, 10, 2, 10]


@pytest.mark.processes
@pytest.mark.parametrize(
    ("how", "told"),
    [("kill", "was killed by SIGKILL"), ("segfault", "was killed by SIGSEGV")],
)
@pytest.mark.parametrize("policy", ["abort", "drop"])
def test_a_worker_that_dies_ends_the_run(experiment, how, told, policy):
    dying = {"dataset_class": "Dying", "how": how}
    done = run([*experiment(DATASET=dying, FAULTS={"on_peer_loss": policy}), *PACKED])
    assert done.returncode == 1
    assert f"worker 1 (ranks 2 to 3) {told}" in done.stderr


@pytest.mark.slow
@pytest.mark.processes
def test_a_worker_that_dies_is_restarted(experiment, tmp_path):
    marker = tmp_path / "marker"
    marker.touch()
    mortal = {"dataset_package": "tests.support.mortal", "dataset_class": "Mortal"}
    sections = {
        "DATASET": {**mortal, "marker": str(marker)},
        "FAULTS": {"on_peer_loss": "restart"},
        "RUN": {"checkpoint_every": "2"},
    }
    done = run([*experiment(**sections), *PACKED])
    assert done.returncode == 0, done.stderr
    assert "restarting all nodes after round 2" in done.stderr
    clean = run([*experiment(name="clean", **sections), *PACKED])
    assert clean.returncode == 0, clean.stderr
    assert results(tmp_path / "run") == results(tmp_path / "clean")


@pytest.mark.processes
@pytest.mark.slow
def test_ctrl_c_ends_all_workers(experiment, tmp_path):
    words = experiment(rounds=10_000, DATASET={"dataset_class": "Endless"})
    process = subprocess.Popen(
        [*words, *PACKED],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + LIMIT_S
    while sum(map(bool, read_shared(tmp_path / "run").values())) < 4:  # with a round
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 130
    assert told == "stopped by Ctrl-C; results so far are saved\n"
    assert len(results(tmp_path / "run")) == 4
