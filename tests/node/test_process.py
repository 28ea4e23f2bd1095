"""Breaks when all nodes compute at once, or a stranger can block them."""

import fcntl
import os
import subprocess
import sys
import textwrap

import pytest

from decentralizepy.node import process


@pytest.fixture
def crowded(monkeypatch):
    """Make this process one of more nodes than cores."""
    monkeypatch.setattr(process, "is_own", lambda: True)
    monkeypatch.setattr(process, "cores", lambda: 1)
    process.turn_file.cache_clear()
    yield
    process.turn_file.cache_clear()


def test_a_turn_opens_its_file_once_and_for_its_user_alone(crowded, tmp_path):
    """Else strangers lock it, or take all the files that are left before it is opened."""
    opened = process.turn_file(str(tmp_path), 0)
    for _ in range(3):
        with process.turn(str(tmp_path), 0, 2, patience=0):
            assert process.turn_file(str(tmp_path), 0) == opened
    (path,) = tmp_path.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_turn_is_one_nodes_alone_and_is_given_back(crowded, tmp_path):
    with process.turn(str(tmp_path), 0, 2, patience=0):
        other = os.open(next(tmp_path.iterdir()), os.O_RDWR)
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with process.turn(str(tmp_path), 0, 2, patience=0):  # goes on without one
        pass
    os.close(other)


def test_long_slices_keep_the_priority_that_the_user_chose():
    """Raising it again takes privileges, and would undo ``nice``."""
    child = textwrap.dedent("""
        import os
        from decentralizepy.node import process
        process.schedule_in_long_slices()
        print(os.sched_getscheduler(0) == os.SCHED_BATCH, os.nice(0))
        """)
    command = ["nice", "-n", "7", sys.executable, "-c", child]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["True", str(min(19, os.nice(0) + 7))]
