"""Strangers at the ports of a real run without keys: breaks when they are felt in it.

All nodes are processes of this machine.
"""

import configparser
import functools
import re
import resource
import socket
import subprocess
import sys
import time

import psutil
import pytest
import torch

from tests.support import LIMIT_S, ROOT, strangers
from tests.support.launcher import NODES, make_experiment, results, weights

pytestmark = pytest.mark.processes
ROUNDS = 80  # node 0 stays in the 40th until the strangers are gone
GROWTH = 64 << 20


def patient(folder, **communication):
    """Return the words that start a run, and the files that let it begin and hurry."""
    come, go = folder / "come", folder / "go"
    dataset = {"dataset_package": "tests.support.strangers", "dataset_class": "Patient"}
    sections = {
        "DATASET": {**dataset, "come": str(come), "go": str(go)},
        "COMMUNICATION": communication,
    }
    words = make_experiment(folder)(rounds=ROUNDS, **sections)
    return words, come, go


def start(words, files=None):
    """Start a run, with a limit on open files if one is given."""
    if files:
        words = ["bash", "-c", f'ulimit -n {files} && exec "$0" "$@"', *words]
    return subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Return the results and weights of a run that nobody else knows of."""
    folder = tmp_path_factory.mktemp("undisturbed")
    words, *files = patient(folder)
    for file in files:
        file.touch()
    process = start(words)
    _, errors = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, errors
    return results(folder / "run"), weights(folder / "run" / "weights")


def resident(process):
    """Return the bytes that each node has in memory, by process."""
    nodes = psutil.Process(process.pid).children()
    return {node.pid: node.memory_info().rss for node in nodes}


def wait_for_round(process, folder, number):
    lines = [folder / f"{rank}_results.jsonl" for rank in range(NODES)]
    deadline = time.monotonic() + LIMIT_S
    while not all(p.exists() and p.read_text().count("\n") >= number for p in lines):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def ports(folder):
    config = configparser.ConfigParser()
    config.read(folder / "run.ini")
    offset = int(config["COMMUNICATION"]["offset"])
    return [offset + 2 * rank + 1 for rank in range(NODES)]


def wait_for_port(port):
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(port)


def besiege(folder, attack, early=False, files=None, **communication):
    """Run a network under attack from its fifth round on, or before node 0 is there.

    Returns the most bytes that a node's memory grew by. The strangers stay connected
    for another second.
    """
    words, come, go = patient(folder, **communication)
    if not early:
        come.touch()
    process = start(words, files)
    try:
        if early:
            wait_for_port(ports(folder)[3])
        else:
            wait_for_round(process, folder / "run", 5)
        before = resident(process)
        with strangers.Stranger(ports(folder)) as stranger:
            attack(stranger)
            after = resident(process)
            assert after.keys() == before.keys(), "a node has ended"
            come.touch()
            go.touch()
            time.sleep(1)
        _, errors = process.communicate(timeout=LIMIT_S)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0, errors
    return max(after[pid] - before[pid] for pid in before)


def dropped(folder):
    """Return how many messages the nodes say to have dropped, within a factor of 2."""
    logs = (log.read_text() for log in sorted((folder / "run").glob("*.log")))
    counts = [
        re.findall(r"dropped what came from .*\((\d+) so far\)", log) for log in logs
    ]
    return sum(int(numbers[-1]) for numbers in counts if numbers)


def assert_same(folder, undisturbed):
    tables, final = undisturbed
    assert results(folder / "run") == tables
    others = weights(folder / "run" / "weights")
    assert final.keys() == others.keys()
    assert all(torch.equal(final[name], others[name]) for name in final)


@pytest.mark.slow
def test_garbage_under_any_name_changes_nothing(tmp_path, undisturbed):
    """Names that are no uid, and frames that are no message."""
    assert besiege(tmp_path, strangers.babble) < GROWTH
    assert_same(tmp_path, undisturbed)
    assert dropped(tmp_path) > 5_000


@pytest.mark.slow
def test_scans_and_claims_change_nothing(tmp_path, undisturbed):
    """Connections that say nothing, HTTP, and frames of a terabyte."""
    assert besiege(tmp_path, strangers.scan) < GROWTH
    assert_same(tmp_path, undisturbed)


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.slow
def test_well_made_messages_of_strangers_change_nothing(tmp_path, undisturbed, early):
    """Greetings and goodbyes, new channels, models, code as a pickle."""
    marker = tmp_path / "executed"
    attack = functools.partial(strangers.forge, marker=marker)
    assert besiege(tmp_path, attack, early) < GROWTH
    assert not marker.exists()
    assert_same(tmp_path, undisturbed)


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.slow
def test_a_stranger_in_a_neighbors_name_changes_nothing(tmp_path, undisturbed, early):
    """It comes before the neighbor, or later."""
    besiege(tmp_path, strangers.impersonate, early)
    assert_same(tmp_path, undisturbed)


@pytest.mark.slow
def test_a_flood_fills_no_memory(tmp_path, undisturbed):
    """What nobody reads is dropped, and what is not read yet waits in the kernel."""
    assert besiege(tmp_path, strangers.flood, max_message="200000") < GROWTH
    assert_same(tmp_path, undisturbed)
    sizes = [log.stat().st_size for log in (tmp_path / "run").glob("*.log")]
    assert max(sizes) < 1 << 20


MODES = ["none", "mac", "curve"]


def secured(folder, security):
    """Return the options of ``[COMMUNICATION]`` for a mode, with its keys."""
    options = {"security": security}
    if security == "curve":
        options["keys_dir"] = str(folder / "keys")
        words = ["-m", "decentralizepy", "keys", options["keys_dir"], "--nodes", "4"]
        subprocess.run([sys.executable, *words], cwd=ROOT, check=True)
    return options


@pytest.mark.parametrize("security", ["mac", "curve"])
@pytest.mark.slow
def test_closed_networks_end_as_open_ones(tmp_path, undisturbed, security):
    besiege(tmp_path, strangers.babble, **secured(tmp_path, security))
    assert_same(tmp_path, undisturbed)


@pytest.fixture
def many_files():
    """Let the strangers, who are of this process, hold more connections than a node."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.slow
@pytest.mark.parametrize("security", MODES)
def test_idle_connections_take_no_files(tmp_path, undisturbed, many_files, security):
    """More than a node may open; without a limit, its next evaluation ended the run."""
    options = secured(tmp_path, security)
    besiege(tmp_path, strangers.idle, files=1024, **options)
    assert_same(tmp_path, undisturbed)
