"""Two machines with two nodes each, on a virtual cable."""

import json
import subprocess
import time

import pytest
import torch

from tests.support import LIMIT_S, ROOT
from tests.support.launcher import make_experiment, results, weights
from tests.support.namespaces import Cable, usable

pytestmark = [pytest.mark.processes, pytest.mark.root, pytest.mark.slow]
HEARTBEAT_S = 2
ROUNDS = 100


@pytest.fixture
def cable():
    if reason := usable():
        pytest.skip(reason)
    with Cable() as cable:
        yield cable


def start(cable, folder, rounds=ROUNDS, model="Linear", dataset="Points"):
    """Start both machines; return their launchers."""
    words = make_experiment(folder)(
        rounds=rounds,
        RUN={"procs_per_machine": "2", "machines": "2"},
        COMMUNICATION={"heartbeat_timeout": str(HEARTBEAT_S), "offset": "9000"},
        DATASET={
            "dataset_package": "tests.support.transports",
            "dataset_class": dataset,
            "model_class": model,
        },
    )
    (folder / "ip.json").write_text(json.dumps(cable.addresses))
    options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    return [
        cable.start(
            side,
            [*words, "-mid", str(side), "-ld", str(folder / f"log{side}")],
            cwd=ROOT,
            **options,
        )
        for side in (0, 1)
    ]


def wait_for_rounds(launchers, folder, rounds=3):
    """Wait until every node has written some lines of results."""
    for side in (0, 1):
        for rank in (0, 1):
            lines = folder / f"log{side}" / f"{rank}_results.jsonl"
            while not (
                lines.exists() and len(lines.read_text().splitlines()) >= rounds
            ):
                assert launchers[side].poll() is None, launchers[side].stderr.read()
                time.sleep(0.02)


def finish(launchers):
    """Return each launcher's exit status and errors, long before peer_timeout."""
    errors = [launcher.communicate(timeout=LIMIT_S)[1] for launcher in launchers]
    return [
        (launcher.returncode, told)
        for launcher, told in zip(launchers, errors, strict=True)
    ]


def outcome(folder):
    tables = [results(folder / f"log{side}") for side in (0, 1)]
    return tables, weights(folder / "run" / "weights")


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """Return a function from rounds and a model to an undisturbed run's outcome."""
    made = {}

    def clean(**options):
        key = tuple(options.items())
        if key not in made:
            folder = tmp_path_factory.mktemp("clean")
            with Cable() as cable:
                ended = finish(start(cable, folder, **options))
            assert [status for status, _ in ended] == [0, 0], ended
            made[key] = outcome(folder)
        return made[key]

    return clean


def assert_equal(launchers, folder, expected):
    ended = finish(launchers)
    assert [status for status, _ in ended] == [0, 0], ended
    tables, final = outcome(folder)
    assert tables == expected[0]
    assert final.keys() == expected[1].keys()
    assert all(torch.equal(final[name], expected[1][name]) for name in final)


@pytest.mark.parametrize("seconds", [1, 5])
def test_a_partition_that_heals_changes_nothing(cable, tmp_path, clean, seconds):
    """Shorter than the heartbeat, and longer: what the connection lost comes again."""
    expected = clean(rounds=300)
    launchers = start(cable, tmp_path, rounds=300)
    wait_for_rounds(launchers, tmp_path)
    cable.drop(0, 1)
    time.sleep(seconds)
    assert [launcher.poll() for launcher in launchers] == [None, None]
    cable.heal()
    assert_equal(launchers, tmp_path, expected)


def test_a_lost_machine_is_seen_by_the_other(cable, tmp_path):
    """Its end sends nothing, not even that the connection is closed."""
    launchers = start(cable, tmp_path, rounds=100_000)
    wait_for_rounds(launchers, tmp_path)
    cable.drop(0)
    launchers[0].kill()
    _, (status, errors) = finish(launchers)
    assert status == 3, errors
    assert "lost uid 0" in errors or "lost uid 1" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("sides", [(0, 1), (0,)], ids=["both ways", "one way"])
def test_a_partition_for_good_is_seen_on_both_sides(cable, tmp_path, sides):
    """No side may wait for ever, nor say that all is well."""
    launchers = start(cable, tmp_path, rounds=100_000)
    wait_for_rounds(launchers, tmp_path)
    cable.drop(*sides)
    ended = finish(launchers)
    assert [status for status, _ in ended] == [3, 3], ended
    assert all("lost uid" in errors for _, errors in ended)


def test_a_slow_cable_changes_nothing(cable, tmp_path, clean):
    """A model takes longer than the heartbeat, which must not wait behind it."""
    expected = clean(rounds=2, model="Heavy")
    cable.slow("1mbit")
    launchers = start(cable, tmp_path, rounds=2, model="Heavy")
    assert_equal(launchers, tmp_path, expected)
    sent = results(tmp_path / "log0")["0_results.json"]["total_bytes"]["2"]
    assert 8 * sent / 1e6 > 4 * HEARTBEAT_S  # as much crosses the cable each way


@pytest.mark.parametrize("per_cent", [5, 30])
def test_a_lossy_cable_changes_nothing(cable, tmp_path, clean, per_cent):
    """Of the packets of each machine."""
    expected = clean(rounds=20)
    cable.drop(0, 1, per_cent=per_cent)
    assert_equal(start(cable, tmp_path, rounds=20), tmp_path, expected)
