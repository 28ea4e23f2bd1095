"""Breaks when a run cannot be followed from its files, or its end is missed."""

import json
import os
import socket
import threading
from datetime import datetime, timezone

import pytest

from decentralizepy.commands import watch
from decentralizepy.runs.lock import is_held


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The log folder of a run of two nodes, as its launcher has left it so far."""
    monkeypatch.setattr(watch, "POLL_S", 0.01)
    record(tmp_path)
    for rank in (0, 1):
        row = {"round": 1, "test_acc": 40.0 + rank, "time": 1.0}
        (tmp_path / f"{rank}_results.jsonl").write_text(json.dumps(row) + "\n")
    return tmp_path


def record(folder, **fields):
    content = {
        "configuration": {"DATASET": {"dataset_class": "Digits"}},
        "flags": {"iterations": 2, "evaluate": "all", "procs_per_machine": [2]},
        "nodes": 2,
        "uids": {"0": 0, "1": 1},
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "ended": None,
        "outcome": None,
    }
    (folder / "manifest.json").write_text(json.dumps({**content, **fields}))


def hold(folder, pid):
    holder = f"machine 0, host {socket.gethostname()}, pid {pid}, since 2026-01-01"
    (folder / ".lock").write_text(holder)


def test_a_run_that_has_ended_is_summed_up(folder, capsys):
    started, ended = "2026-01-01T10:00:00+00:00", "2026-01-01T10:01:05+00:00"
    record(folder, started=started, ended=ended, outcome="done")
    assert watch.main([str(folder)]) == 0
    shown = capsys.readouterr().out
    for part in ("Digits", "1 of 2", "40.5 ± 0.5%", "1m05s"):
        assert part in shown


def test_a_run_in_progress_is_followed_to_its_end(folder, capsys, monkeypatch):
    """Its last round comes when the view has been shown, and then its end."""
    hold(folder, os.getpid())
    shown, update = threading.Event(), watch.time.sleep

    def sleep(seconds):
        shown.set()
        update(seconds)

    monkeypatch.setattr(watch.time, "sleep", sleep)
    told = []
    view = threading.Thread(target=lambda: told.append(watch.main([str(folder)])))
    view.start()
    shown.wait()
    for rank in (0, 1):
        with (folder / f"{rank}_results.jsonl").open("a") as file:
            file.write(json.dumps({"round": 2, "test_acc": 50.0}) + "\n")
    record(folder, ended="2026-01-01T10:00:00+00:00", outcome="done")
    view.join()
    assert told == [0]
    out = capsys.readouterr().out
    assert out.startswith("round 1/2")
    assert "2 of 2" in out


def test_a_failure_is_told_with_its_cause(folder, capsys):
    record(folder, ended="2026-01-01T10:00:00+00:00", outcome="uid 1 died")
    assert watch.main([str(folder)]) == 1
    assert capsys.readouterr().err == f"watch: {folder}: the run failed: uid 1 died\n"


def test_a_launcher_that_was_killed_is_not_waited_for(folder, capsys):
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    hold(folder, child)
    assert watch.main([str(folder)]) == 1
    assert "the run failed: its launcher was killed" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", "none"])
def test_a_folder_of_no_run_is_said(tmp_path, capsys, name):
    assert watch.main([str(tmp_path / name)]) == 2
    line = capsys.readouterr().err
    assert line.startswith(f"watch: {tmp_path / name}: not the log folder of a run")
    assert ("there is no such folder" in line) == (name == "none")


def test_a_launcher_on_another_host_is_known_by_its_touch(tmp_path, monkeypatch):
    monkeypatch.setattr("decentralizepy.runs.lock.TOUCHED_S", 0.2)
    (tmp_path / ".lock").write_text("machine 0, host elsewhere, pid 1, since 2026")
    assert not is_held(tmp_path)
    stop = threading.Event()

    def touch():
        while not stop.wait(0.001):
            os.utime(tmp_path / ".lock")

    toucher = threading.Thread(target=touch)
    toucher.start()
    monkeypatch.setattr("decentralizepy.runs.lock.TOUCHED_S", 60.0)
    assert is_held(tmp_path)
    stop.set()
    toucher.join()
