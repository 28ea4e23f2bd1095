"""Breaks when two launchers write to one log folder, or a lock outlives its holder."""

import fcntl
import os
import socket
import threading

import pytest

from decentralizepy.errors import ConfigError, DecentralizepyError
from decentralizepy.runs.lock import NAME, hold


def test_a_second_launcher_is_told_who_runs_in_the_folder(tmp_path):
    first, second = hold(tmp_path, machine=2), hold(tmp_path, machine=0)
    with first, pytest.raises(ConfigError) as error, second:
        pass
    host, pid = socket.gethostname(), os.getpid()
    told = f"runs in it (machine 2, host {host}, pid {pid}, since 20"
    assert told in str(error.value)


def test_a_refused_launcher_leaves_the_lock(tmp_path):
    with hold(tmp_path, 0):
        for _ in range(2):
            with pytest.raises(ConfigError), hold(tmp_path, 0):
                pass


def test_the_lock_of_a_launcher_that_was_killed_is_taken(tmp_path, monkeypatch):
    monkeypatch.setattr("decentralizepy.runs.lock.TOUCHED_S", 0.1)
    (tmp_path / NAME).write_text("machine 0, host elsewhere, pid 1, since long")
    with hold(tmp_path, 0), pytest.raises(ConfigError) as error, hold(tmp_path, 0):
        pass
    assert "elsewhere" not in str(error.value)
    assert not (tmp_path / NAME).exists()


def test_a_lock_file_that_its_holder_removes_is_not_relied_upon(tmp_path, monkeypatch):
    """Between opening and locking the file, another launcher may end and remove it."""
    lock, removed = fcntl.flock, []

    def late(file, operation):
        lock(file, operation)
        if not removed:
            (tmp_path / NAME).unlink()
            removed.append(file)

    monkeypatch.setattr(fcntl, "flock", late)
    with hold(tmp_path, 0), pytest.raises(ConfigError), hold(tmp_path, 0):
        pass


@pytest.fixture
def hosts(monkeypatch):
    """Return a function that moves to another host, which sees no lock of the first."""
    monkeypatch.setattr(fcntl, "flock", lambda file, operation: None)

    def move(name):
        monkeypatch.setattr(socket, "gethostname", lambda: name)

    move("one")
    return move


def test_a_launcher_on_another_host_is_seen_although_its_lock_is_not(
    tmp_path, hosts, monkeypatch
):
    """It shows that it is alive by touching the file."""
    monkeypatch.setattr("decentralizepy.runs.lock.TOUCHED_S", 60.0)
    ended = threading.Event()

    def watch(folder):
        while not ended.wait(0.01):
            folder.check()

    with hold(tmp_path, machine=1) as folder:
        watching = threading.Thread(target=watch, args=(folder,))
        watching.start()
        hosts("two")
        with pytest.raises(ConfigError, match="machine 1, host one"), hold(tmp_path, 0):
            pass
        ended.set()
        watching.join()
        folder.check()


def test_of_two_that_start_at_once_on_two_hosts_one_ends(tmp_path, hosts, monkeypatch):
    """Neither sees the other, until the file is no longer its own."""
    monkeypatch.setattr("decentralizepy.runs.lock.TOUCHED_S", 0.1)
    with hold(tmp_path, machine=1) as first:
        hosts("two")
        with hold(tmp_path, machine=0) as second:
            told = "another launcher has taken it .machine 0, host two"
            with pytest.raises(DecentralizepyError, match=told):
                first.check()
            second.check()
            first.release()
            assert (tmp_path / NAME).exists()
    assert not (tmp_path / NAME).exists()


def test_a_folder_in_which_nothing_ran_is_removed(tmp_path):
    with hold(tmp_path / "new", 0):
        assert (tmp_path / "new").exists()
    assert not (tmp_path / "new").exists()
    with hold(tmp_path, 0):
        pass
    assert tmp_path.exists()


@pytest.mark.parametrize("again", [True, False])
def test_a_folder_that_is_removed_is_noticed(tmp_path, again):
    with hold(tmp_path / "logs", 0) as folder:
        folder.check()
        (tmp_path / "logs").rename(tmp_path / "elsewhere")
        if again:
            (tmp_path / "logs").mkdir()
        with pytest.raises(DecentralizepyError, match="removed during the run"):
            folder.check()
