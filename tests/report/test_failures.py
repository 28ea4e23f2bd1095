"""Breaks when a report does not say what went wrong in a run."""

from decentralizepy.report.failures import of_points, problems
from decentralizepy.results.read import read_runs
from tests.support.result_files import results, write

LOG = """\
[2026-11-25 10:00:00,000][rounds][INFO] round 1
[2026-11-25 10:00:01,000][failure][ERROR] this node failed
Traceback (most recent call last):
  File "mine.py", line 3, in train
ValueError: <b>bad</b> & worse
[2026-11-25 10:00:02,000][rounds][INFO] the end
"""


def of(folder, **manifest):
    (run,) = read_runs(folder)
    known = {"flags": {"iterations": 3, "machine_id": 0}, **manifest}
    return problems(run, {".": known}, {".": folder})


def test_a_run_that_ended_well_has_none(tmp_path):
    write(tmp_path / "0_results.json", results())
    assert of(tmp_path, ended="today", outcome="done") == []


def test_an_error_is_shown_with_its_traceback(tmp_path):
    write(tmp_path / "0_results.json", results())
    write(tmp_path / "1_results.json", results(rounds=1, tested=()))
    (tmp_path / "1.log").write_text(LOG)
    outcome = "uid 1 (rank 1, machine 0) ended with exit status 1"
    ended, early, logged = of(tmp_path, ended="today", outcome=outcome)
    assert (ended.place, ended.cause) == ("machine 0", outcome)
    assert early.cause == "end after round 1 of 3: node 1"
    assert logged.place.endswith("/1.log")
    assert logged.cause == "ValueError: <b>bad</b> & worse"
    assert 'File "mine.py", line 3' in logged.text
    assert "the end" not in logged.text


def test_a_run_without_an_end_is_one(tmp_path):
    write(tmp_path / "0_results.json", results())
    (found,) = of(tmp_path, ended=None)
    assert "has not ended" in found.cause


def test_points_of_a_sweep_that_failed_are_listed(tmp_path):
    record = {"status": "failed", "exit_status": 2}
    write(tmp_path / "a/point.json", record)
    write(tmp_path / "b/point.json", {"status": "done", "exit_status": 0})
    (tmp_path / "a/output.txt").write_text("first\nno such class\n")
    (found,) = of_points([tmp_path], {"b"})
    assert found.cause == "failed with exit status 2; there are no results"
    assert found.text.endswith("no such class")
