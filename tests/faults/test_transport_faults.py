"""Runs of four nodes on a bad network: equal to the last bit, or broken."""

import configparser
import itertools
import json
import os
import signal
import subprocess
import time

import psutil
import pytest
import torch

from tests.support import LIMIT_S, ROOT
from tests.support.launcher import make_experiment, results, run, weights
from tests.support.ports import free_offset
from tests.support.proxy import Proxy
from tests.support.transports import validate

pytestmark = pytest.mark.processes
ROUNDS, NODES = 10, 4
PAUSE_S = 6


def sections(fault="clean", model="Linear"):
    transport = {
        "comm_package": "tests.support.transports",
        "comm_class": "Wild",
        "fault": fault,
    }
    dataset = {"dataset_package": "tests.support.transports", "model_class": model}
    return {"COMMUNICATION": transport, "DATASET": dataset}


def outcome(folder):
    """Return the results and weights of a run whose history is found to be whole."""
    tables = results(folder / "run")
    totals = {
        uid: list(tables[f"{uid}_results.json"]["total_bytes"].values())[-1]
        for uid in range(NODES)
    }
    validate(folder, totals)
    return tables, weights(folder / "run" / "weights")


def counted(folder, name):
    paths = [*folder.glob("counts.*.json")]
    assert len(paths) == NODES
    return sum(json.loads(path.read_text())[name] for path in paths)


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """Return a function from a model to the outcome of a run in which nothing fails."""
    made = {}

    def clean(model="Linear", rounds=ROUNDS):
        if (model, rounds) not in made:
            folder = tmp_path_factory.mktemp("clean")
            done = run(make_experiment(folder)(rounds=rounds, **sections(model=model)))
            assert done.returncode == 0, done.stderr
            assert counted(folder, "repeated") == counted(folder, "rejected") == 0
            made[model, rounds] = outcome(folder)
        return made[model, rounds]

    return clean


def assert_equal(folder, expected):
    (tables, final), (other_tables, other) = outcome(folder), expected
    assert tables == other_tables
    assert final.keys() == other.keys()
    assert all(torch.equal(final[name], other[name]) for name in final)


@pytest.mark.parametrize(
    ("fault", "count"),
    [
        # without numbers a round has two models of one peer
        ("double", "repeated"),
        ("shuffle", None),  # without Link.held, rounds are mixed up
        ("flip", "rejected"),  # without the checksum, 1e38 is averaged
        ("cut", "rejected"),  # without NACK, all wait
        ("lose", None),  # without ASK, all wait
    ],
)
@pytest.mark.slow
def test_a_bad_network_changes_nothing(tmp_path, clean, fault, count):
    done = run(make_experiment(tmp_path)(rounds=ROUNDS, **sections(fault)))
    assert done.returncode == 0, done.stderr
    assert_equal(tmp_path, clean())
    if count:
        assert counted(tmp_path, count) > 0


def proxied(folder, words, **faults):
    """Run ``words`` with a proxy on every edge of the ring; return the proxy."""
    config = configparser.ConfigParser()
    config.read(folder / "run.ini")
    offset = int(config["COMMUNICATION"]["offset"])
    uids = itertools.permutations(range(NODES), 2)
    edges = {f"{uid}>{other}": offset + 2 * other + 1 for uid, other in uids}
    with Proxy(edges, **faults) as proxy:
        (folder / "proxies.json").write_text(json.dumps(proxy.ports))
        done = run(words)
    assert done.returncode == 0, done.stderr
    return proxy


@pytest.mark.slow
def test_resets_in_the_middle_of_models_change_nothing(tmp_path, clean):
    """Without sending again on the new connection, a model is lost and all wait."""
    words = make_experiment(tmp_path)(rounds=ROUNDS, **sections(model="Heavy"))
    proxy = proxied(tmp_path, words, reset_after=1_000_000)
    assert proxy.cut >= NODES
    assert_equal(tmp_path, clean("Heavy"))


@pytest.mark.slow
def test_a_late_network_changes_nothing(tmp_path, clean):
    """200 ms, more or less 100."""
    words = make_experiment(tmp_path)(rounds=ROUNDS, **sections())
    proxied(tmp_path, words, delay=(0.1, 0.3))
    assert_equal(tmp_path, clean())


@pytest.mark.slow
def test_a_slow_network_changes_nothing(tmp_path, clean):
    """1 Mbit a second, on which a model takes 3 s: no message is sent twice."""
    words = make_experiment(tmp_path)(rounds=2, **sections(model="Heavy"))
    proxied(tmp_path, words, rate=125_000)
    assert_equal(tmp_path, clean("Heavy", 2))
    assert counted(tmp_path, "repeated") == 0


@pytest.mark.slow
def test_a_way_that_stalls_changes_nothing(tmp_path, clean):
    words = make_experiment(tmp_path)(rounds=ROUNDS, **sections())
    proxied(tmp_path, words, stall=(2, 7))
    assert_equal(tmp_path, clean())


@pytest.mark.slow
def test_a_paused_node_changes_nothing(tmp_path, clean):
    """A node that is stopped for a while is waited for, and is not taken for lost."""
    words = make_experiment(tmp_path)(rounds=100, **sections())
    undisturbed = clean(rounds=100)
    launcher = subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    lines = tmp_path / "run" / "1_results.jsonl"
    while not (lines.exists() and lines.stat().st_size):
        assert launcher.poll() is None, launcher.stderr.read()
        time.sleep(0.01)
    node = psutil.Process(launcher.pid).children()[1].pid
    os.kill(node, signal.SIGSTOP)
    time.sleep(PAUSE_S)
    assert launcher.poll() is None
    os.kill(node, signal.SIGCONT)
    _, errors = launcher.communicate(timeout=LIMIT_S)
    assert launcher.returncode == 0, errors
    assert_equal(tmp_path, undisturbed)


@pytest.mark.slow
def test_a_crowd_of_nodes_loses_nobody(tmp_path):
    """64 nodes on two cores wait long for a turn; none is taken for lost."""
    crowd = {"RUN": {"procs_per_machine": "64"}}
    ports = {"COMMUNICATION": {"offset": str(free_offset(2 * 64))}}
    done = run(make_experiment(tmp_path)(rounds=10, **crowd, **ports))
    assert done.returncode == 0, done.stderr
    logs = [path.read_text() for path in (tmp_path / "run").glob("*.log")]
    assert len(logs) >= 64
    assert not any("lost" in log or "sent again" in log for log in logs)
