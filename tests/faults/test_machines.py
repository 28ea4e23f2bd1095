"""Two launchers act as two machines: breaks when one does not notice the other's failure."""

import json
import subprocess
import sys

import pytest

from tests.support import LIMIT_S, ROOT

pytestmark = pytest.mark.processes


@pytest.fixture
def machines(experiment, tmp_path):
    """Return a function that starts two machines; a dict changes the second's sections."""

    def start(rounds=1000, other=None, **sections):
        two = {"procs_per_machine": "2", "machines": "2"}
        sections["RUN"] = {**two, **sections.get("RUN", {})}
        first = experiment(rounds=rounds, name="first", **sections)
        merged = {
            name: {**sections.get(name, {}), **(other or {}).get(name, {})}
            for name in {*sections, *(other or {})}
        }
        second = experiment(rounds=rounds, name="second", **merged)
        offset = "--set", f"COMMUNICATION.offset={offset_of(tmp_path / 'first.ini')}"
        (tmp_path / "ip.json").write_text('{"0": "127.0.0.1", "1": "127.0.0.2"}')
        return [
            subprocess.Popen(
                [*words, *offset, "-mid", str(machine)],
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            for machine, words in enumerate((first, second))
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


@pytest.mark.parametrize(
    ("other", "field"),
    [
        pytest.param(*case, id=name, marks=[] if name == "model" else pytest.mark.slow)
        for name, case in DIFFERENT.items()
    ],
)
def test_machines_that_run_different_things_say_what_differs(machines, other, field):
    """Each launcher has another INI; neither may average what the other sends."""
    launchers = machines(other=other)
    for status, errors in ends(launchers):
        assert status == 2, errors
        assert "are not of the same run: they differ in" in errors
        assert field in errors.split("differ in")[1].splitlines()[0]


def test_machines_with_another_flag_say_so(machines):
    """A fresh optimizer in each round on one machine, and not on the other."""
    for status, errors in ends(machines(other={"RUN": {"reset_optimizer": "0"}})):
        assert status == 2, errors
        assert "differ in --reset_optimizer" in errors


def test_a_death_on_one_machine_ends_the_other(machines):
    """The other machine is out with status 3, long before peer_timeout."""
    dying = {"dataset_class": "Dying", "how": "kill"}  # uid 2, on machine 1
    launchers = machines(DATASET=dying)
    (first, told), (second, cause) = ends(launchers)
    assert (first, second) == (3, 1), told + cause
    assert "uid 2 (rank 0, machine 1) was killed by SIGKILL" in cause
    assert "lost uid" in told


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
    for status, errors in resumed(tmp_path):
        assert status == 0, errors
    for name in ("first", "second"):
        lines = (tmp_path / name / "0_results.jsonl").read_text().splitlines()
        assert [json.loads(line)["round"] for line in lines] == [*range(1, 9)]


def test_a_machine_that_finishes_without_a_node_of_another_says_so(machines):
    """All its own nodes end well; that is no run without a loss."""
    dying = {"dataset_class": "Dying", "how": "kill"}  # uid 2, on machine 1
    launchers = machines(rounds=8, DATASET=dying, FAULTS={"on_peer_loss": "drop"})
    (first, told), (second, cause) = ends(launchers)
    assert (first, second) == (1, 1), told + cause
    assert "lost uid 2; the nodes of this machine finished without" in told
    assert "uid 2 (rank 0, machine 1) was killed by SIGKILL" in cause
