"""Breaks when a dead host keeps a Slurm step alive, or a launcher ends the step of others."""

import subprocess

import pytest

from decentralizepy.placement import step

TASK = {
    "SLURM_JOB_ID": "7",
    "SLURM_STEP_ID": "0",
    "SLURM_PROCID": "2",
    "SLURM_STEP_NUM_TASKS": "3",
    "SLURM_STEP_NUM_NODES": "3",
}
LOST, FAILED = 3, 1


@pytest.fixture
def cancelled(monkeypatch):
    """What is run in such a task, without waiting for other launchers."""
    found = []
    monkeypatch.setattr(subprocess, "run", lambda words, timeout: found.append(words))
    monkeypatch.setattr(step, "GRACE_S", 0)
    for name, value in TASK.items():
        monkeypatch.setenv(name, value)
    return found


def test_a_lost_machine_ends_the_step(cancelled):
    assert step.leave(LOST, [], None) == LOST
    assert cancelled == [["scancel", "--quiet", "7.0"]]


def test_a_failure_does_not_since_srun_itself_ends_the_others(cancelled):
    assert step.leave(FAILED, [], None) == FAILED
    assert cancelled == []


TORCHRUN = {
    "TORCHELASTIC_RUN_ID": "x",
    "RANK": "0",
    "WORLD_SIZE": "3",
    "MASTER_ADDR": "a",
    "MASTER_PORT": "1",
}


@pytest.mark.parametrize(
    ("chosen", "environ"),
    [
        ({}, {}),
        ({"placement": "local"}, TASK),
        ({"machine_id": 1}, TASK),  # machines by hand
        ({}, {**TASK, **TORCHRUN}),
        ({}, {**TASK, "SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0"}),
    ],
)
def test_the_step_of_something_else_is_left_alone(chosen, environ):
    assert step.step_of({}, TASK) == "7.0"
    assert step.step_of(chosen, environ) == ""


def test_a_node_without_scancel_ends_by_itself(monkeypatch, cancelled):
    def absent(words, timeout):
        raise FileNotFoundError(words[0])

    monkeypatch.setattr(subprocess, "run", absent)
    assert step.leave(LOST, [], None) == LOST
