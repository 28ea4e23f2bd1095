"""Breaks when a user cannot see which node holds up a run."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
import torch

from decentralizepy.monitor.waiting import read_waiting
from decentralizepy.node.notice import Notice
from tests.support import LIMIT_S, ROOT
from tests.support.launcher import NODES, results, run, weights

pytestmark = pytest.mark.processes


def slow(**options):
    """Return the sections of a run in which each round is a pass over the data."""
    dataset = {"dataset_package": "tests.support.slow", "dataset_class": "Slow"}
    return {"DATASET": {**dataset, **options}, "TRAIN_PARAMS": {"rounds": "4"}}


@pytest.mark.slow
def test_a_paused_node_is_named_while_others_wait(experiment, tmp_path):
    """The wait is told with uid, seconds and round; the result is that of no pause."""
    clean = run(experiment(name="clean", **slow()))
    assert clean.returncode == 0, clean.stderr
    stopped, told = tmp_path / "stopped", tmp_path / "told"
    with told.open("w") as stderr:
        process = subprocess.Popen(
            experiment(
                name="paused",
                FAULTS={"warn_after": "1"},
                **slow(who="1", stop_in="4"),
            ),
            cwd=ROOT,
            env={**os.environ, "STOPPED": str(stopped)},
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
    wait_for(lambda: stopped.exists() and stopped.read_text())
    line = r"^waiting for uid 1 for (\d+) s, round 4(?:; .+)?$"
    wait_for(lambda: re.search(line, told.read_text(), re.M))
    os.kill(int(stopped.read_text()), signal.SIGCONT)
    assert process.wait(LIMIT_S) == 0, told.read_text()
    assert int(re.findall(line, told.read_text(), re.M)[0]) >= 1
    assert not list((tmp_path / "paused").glob("*.waiting"))
    assert results(tmp_path / "paused") == results(tmp_path / "clean")
    own, others = (weights(tmp_path / n / "weights") for n in ("paused", "clean"))
    assert all(torch.equal(own[name], others[name]) for name in others)


def wait_for(condition):
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
def test_a_slow_node_is_named_in_results_and_on_the_screen(experiment, tmp_path):
    """A node ten times slower is no error; the others' lines and the table name it."""
    pause, rounds = 0.3, 20
    done = run(experiment(rounds=rounds, **slow(who="2", seconds=str(pause))))
    assert done.returncode == 0, done.stderr
    waited = {}
    for rank in range(NODES):
        text = (tmp_path / "run" / f"{rank}_results.jsonl").read_text()
        rows = [json.loads(line) for line in text.splitlines()]
        waited[rank] = sum(row["wait"] for row in rows)
        assert waited[rank] <= rows[-1]["time"]
        if rank in (1, 3):  # its neighbors in the ring
            assert Counter(row["slowest"] for row in rows).most_common(1)[0][0] == 2
    assert waited.pop(2) < min(waited.values())
    table = json.loads((tmp_path / "run" / "1_results.json").read_text())
    assert len(table["wait"]) == rounds
    told = re.findall(
        r"slowest\W+2 \(others waited ([\d.]+) s per round\)", done.stdout
    )
    assert told, done.stdout  # in the table, if not in a line before
    assert float(told[-1]) > 0
    assert "slowest: 2" in done.stdout


@pytest.mark.slow
def test_nobody_is_named_where_all_are_alike(experiment):
    done = run(experiment(rounds=5, DATASET={"dataset_class": "Endless"}))
    assert done.returncode == 0, done.stderr
    assert "waiting" not in done.stderr


@pytest.mark.slow
def test_a_machine_that_never_starts_is_named(experiment, tmp_path):
    """Told at the start barrier, and in the error of status 3 after start_timeout."""
    words = experiment(
        RUN={"procs_per_machine": "2", "machines": "2"},
        FAULTS={"start_timeout": "4", "warn_after": "0.5"},
    )
    (tmp_path / "ip.json").write_text('{"0": "127.0.0.1", "1": "127.0.0.2"}')
    done = run(words)
    assert done.returncode == 3, done.stderr
    barrier = "start: 1 of 2 machines, waiting for machine 1 (127.0.0.2) for"
    assert done.stderr.count(barrier) == 1, done.stderr
    error = r"waiting on CONNECT for uid [23] on machine 1 \(127\.0\.0\.2\) for 4 s"
    assert re.search(error, done.stderr)


def test_a_node_that_was_killed_waits_for_nobody(tmp_path):
    """A notice counts only while its process lives, so a restart shows none of before."""
    content = {
        "uid": 0,
        "channel": "DPSGD",
        "round": 3,
        "since": time.monotonic(),
        "missing": {1: ""},
        "machines": 1,
    }
    script = (
        "import os, json, signal; from decentralizepy.node.notice import Notice;"
        f"notice = Notice({str(tmp_path)!r}, 0, json.loads({json.dumps(content)!r}));"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, timeout=LIMIT_S)
    assert (tmp_path / "0.waiting").exists()
    assert read_waiting(tmp_path) is None
    notice = Notice(str(tmp_path), 0, content)
    assert str(read_waiting(tmp_path)) == "waiting for uid 1 for 0 s, round 3"
    notice.end()
    assert read_waiting(tmp_path) is None
