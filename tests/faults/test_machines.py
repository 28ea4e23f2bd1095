"""Two launchers act as two machines: breaks when one does not notice the other's failure."""

import json
import re
import subprocess
import sys

import pytest

from tests.support import LIMIT_S, ROOT

pytestmark = pytest.mark.processes
NAMES = "first", "second", "third"


@pytest.fixture
def machines(experiment, tmp_path):
    """Return a function that starts machines; a dict changes the sections of all but one."""

    def start(rounds=1000, other=None, count=2, **sections):
        counts = {"procs_per_machine": "2", "machines": str(count)}
        sections["RUN"] = {**counts, **sections.get("RUN", {})}
        merged = {
            name: {**sections.get(name, {}), **(other or {}).get(name, {})}
            for name in {*sections, *(other or {})}
        }
        commands = [
            experiment(rounds=rounds, name=name, **(merged if machine else sections))
            for machine, name in enumerate(NAMES[:count])
        ]
        offset = "--set", f"COMMUNICATION.offset={offset_of(tmp_path / 'first.ini')}"
        hosts = {str(machine): f"127.0.0.{machine + 1}" for machine in range(count)}
        (tmp_path / "ip.json").write_text(json.dumps(hosts))
        return [
            subprocess.Popen(
                [*words, *offset, "-mid", str(machine)],
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            for machine, words in enumerate(commands)
        ]

    return start


def offset_of(path):
    lines = path.read_text().splitlines()
    return next(line.split()[-1] for line in lines if line.startswith("offset"))


def ends(launchers):
    """Return exit status and errors of each launcher."""
    told = []
    for launcher in launchers:
        _, errors = launcher.communicate(timeout=LIMIT_S)
        told.append((launcher.returncode, errors))
    return told


DIFFERENT = {
    "lr": ({"OPTIMIZER_PARAMS": {"lr": "0.1"}}, "[OPTIMIZER_PARAMS]"),
    "batch": ({"TRAIN_PARAMS": {"batch_size": "5"}}, "[TRAIN_PARAMS]"),
    "seed": ({"DATASET": {"random_seed": "4"}}, "[DATASET]"),
    "model": (
        {"DATASET": {"model_class": "Wide", "dataset_package": "tests.support.mortal"}},
        "model",
    ),
    "graph": (
        {
            "GRAPH": {
                "graph_package": "decentralizepy.graphs.FullyConnected",
                "graph_class": "FullyConnected",
            }
        },
        "graph",
    ),
}


@pytest.mark.parametrize(("other", "field"), DIFFERENT.values(), ids=DIFFERENT)
@pytest.mark.slow
def test_machines_that_run_different_things_say_what_differs(machines, other, field):
    """Each launcher has another INI; neither may average what the other sends."""
    launchers = machines(other=other)
    for status, errors in ends(launchers):
        assert status == 2, errors
        assert "are not of the same run: they differ in" in errors
        assert field in errors.split("differ in")[1].splitlines()[0]


@pytest.mark.slow
def test_machines_with_another_flag_say_so(machines):
    """A fresh optimizer in each round on one machine, and not on the other."""
    for status, errors in ends(machines(other={"RUN": {"reset_optimizer": "0"}})):
        assert status == 2, errors
        assert "differ in --reset_optimizer" in errors


@pytest.mark.slow
def test_a_death_on_one_machine_ends_the_other(machines):
    """The other machine ends with status 3, long before peer_timeout.

    Its launcher is told of uid 2, or its nodes notice that it or its neighbor is gone.
    """
    dying = {"dataset_class": "Dying", "how": "kill"}  # uid 2, on machine 1
    launchers = machines(DATASET=dying)
    (first, told), (second, cause) = ends(launchers)
    assert (first, second) == (3, 1), told + cause
    assert "uid 2 (rank 0, machine 1) was killed by SIGKILL" in cause
    assert re.search(r"machine 1: uid 2 .* was killed by SIGKILL|lost uid [23]", told)


def resumed(tmp_path, *more):
    """Return how two machines end that resume, 4 rounds further than they were."""
    start = [sys.executable, "-m", "decentralizepy", "run", "-is", "8", "--resume"]
    launchers = [
        subprocess.Popen(
            [*start, f"{tmp_path / name}{end}"],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name, end in zip(("first", "second"), more or ("", ""), strict=True)
    ]
    return ends(launchers)


@pytest.mark.slow
def test_machines_with_different_checkpoints_agree_on_the_round(machines, tmp_path):
    """The first has lost its newest; what cannot be agreed on is named by both."""
    launchers = machines(rounds=4, RUN={"checkpoint_every": "1"})
    assert [status for status, _ in ends(launchers)] == [0, 0]
    (tmp_path / "first" / "checkpoints" / "0" / "4.safetensors").unlink()
    told = (
        "no round for which all machines have checkpoints: machine 0 has 3; machine 1"
    )
    for status, errors in resumed(tmp_path, "@3", "@4"):
        assert status == 2
        assert f"{told} has 4" in errors
    for path in (tmp_path / "second").glob("checkpoints/*/*"):
        path.rename(path.with_suffix(".kept"))
    told = "machine 0 has 1, 2, 3; machine 1 has none"
    for status, errors in resumed(tmp_path):
        assert status == 2
        assert told in errors
    for path in (tmp_path / "second").glob("checkpoints/*/*"):
        path.rename(path.with_suffix(".safetensors"))
    for status, errors in resumed(tmp_path):
        assert status == 0, errors
    for name in ("first", "second"):
        lines = (tmp_path / name / "0_results.jsonl").read_text().splitlines()
        assert [json.loads(line)["round"] for line in lines] == [*range(1, 9)]


@pytest.mark.slow
def test_machines_that_finish_without_a_node_of_another_say_so(machines):
    """In a ring of six, the third machine has no neighbor of uid 2, on the second."""
    dying = {"dataset_class": "Dying", "how": "kill"}
    faults = {"on_peer_loss": "drop"}
    launchers = machines(rounds=8, count=3, DATASET=dying, FAULTS=faults)
    for machine, (status, told) in enumerate(ends(launchers)):
        assert status == 1, told
        assert "lost uid 2; the nodes of this machine finished without" in told or (
            machine == 1 and "uid 2 (rank 0, machine 1) was killed by SIGKILL" in told
        )


@pytest.mark.slow
def test_a_machine_that_fails_before_the_start_ends_the_other(machines, tmp_path):
    """Its nodes have greeted nobody, so those of the other would wait for them."""
    launchers = machines(
        DATASET={"dataset_class": "Stillborn", "after": str(tmp_path / "ready")},
        FAULTS={"start_timeout": "100000"},
    )
    (first, told), (second, cause) = ends(launchers)
    assert (first, second) == (3, 1), told + cause
    assert "machine 1: uid 2 (rank 0, machine 1)" in told
    assert "RuntimeError: the toy broke" in cause
