"""Breaks when a callback misses what a node reported, or ends a run that it watches."""

import json
from types import SimpleNamespace

import pytest

from decentralizepy.engines.failure import describe
from decentralizepy.errors import DecentralizepyError
from decentralizepy.monitor.tracker import Tracker
from decentralizepy.tracking.Callback import Callback


class Noting(Callback):
    """Notes every event, and raises in one of them."""

    def __init__(self, log_dir, raising=""):
        super().__init__(log_dir)
        self.events, self.raising = [], raising

    def note(self, *event):
        self.events.append(event)
        if event[0] == self.raising:
            raise ZeroDivisionError("mine")

    def on_run_start(self, run):
        self.note("start", run)

    def on_round_end(self, number, rows):
        self.note("round", number, sorted(rows))

    def on_evaluation(self, number, rows):
        self.note("evaluation", number, rows)

    def on_failure(self, cause):
        self.note("failure", cause)

    def on_run_end(self, outcome, final):
        self.note("end", outcome, final)


class Progress(SimpleNamespace):
    """What a Tally reads of two nodes: ``rows`` come with the next poll."""

    def __init__(self):
        super().__init__(slowest=0, mean_model=(0, {}), rows=[])

    def poll(self):
        for uid, row in self.rows:
            self.heard(uid, row)
        self.rows = []


def tracked(callback, progress, log_dir):
    tracker = Tracker(callback, log_dir, describe)
    tracker.start({"seeds": {}})
    tracker.follow(progress)
    return tracker


@pytest.fixture
def progress():
    return Progress()


def test_a_round_is_passed_on_once_all_nodes_have_finished_it(tmp_path, progress):
    callback = Noting(tmp_path)
    with tracked(callback, progress, tmp_path) as tracker:
        progress.heard(0, {"round": 1, "total_bytes": 3})
        tracker.update()
        assert callback.events[1:] == []
        progress.heard(1, {"round": 1, "test_acc": 50.0})
        progress.heard(0, {"round": 2})
        progress.slowest = 1
        tracker.update()
        assert callback.events[1:] == [
            ("round", 1, [0, 1]),
            ("evaluation", 1, {1: {"test_acc": 50.0}}),
        ]
    assert callback.events[3:] == [("round", 2, [0]), ("end", "done", {})]


def test_a_row_that_comes_late_is_passed_on_by_itself(tmp_path, progress):
    callback = Noting(tmp_path)
    with tracked(callback, progress, tmp_path) as tracker:
        progress.heard(-1, {"round": 1})  # a server, which is ahead of its clients
        progress.slowest = 1
        tracker.update()
        progress.heard(0, {"round": 1})
        tracker.update()
        assert callback.events[1:] == [("round", 1, [-1]), ("round", 1, [0])]


def test_rounds_that_are_run_again_after_a_restart_are_not_repeated(tmp_path, progress):
    callback, again = Noting(tmp_path), Progress()
    with tracked(callback, progress, tmp_path) as tracker:
        progress.rows = [(0, {"round": 1}), (0, {"round": 2})]
        tracker.follow(again)
        again.rows = [(0, {"round": number}) for number in (1, 2, 3)]
    rounds = [event[1] for event in callback.events if event[0] == "round"]
    assert rounds == [1, 2, 3]


def test_a_test_of_the_mean_model_is_an_evaluation(tmp_path, progress):
    callback = Noting(tmp_path)
    with tracked(callback, progress, tmp_path) as tracker:
        progress.mean_model = (20, {"mean_model_acc": 60.0})
        tracker.update()
        tracker.update()
    rows = {"mean model": {"mean_model_acc": 60.0}}
    assert callback.events[1:-1] == [("evaluation", 20, rows)]


def test_the_end_has_the_metrics_over_all_models(tmp_path, progress):
    callback = Noting(tmp_path)
    with tracked(callback, progress, tmp_path):
        final = {"mean_model_acc": {"9": 60.0, "10": 70.0}}
        (tmp_path / "final.json").write_text(json.dumps(final))
    assert callback.events[-1] == ("end", "done", {"mean_model_acc": 70.0})


def test_a_run_that_fails_is_told_before_the_end(tmp_path, progress):
    callback = Noting(tmp_path)
    with pytest.raises(OSError, match="disk"), tracked(callback, progress, tmp_path):
        raise OSError("disk\nfull")
    assert callback.events[1:] == [("failure", "disk"), ("end", "disk", {})]


def test_an_event_that_raises_is_the_last_and_the_run_ends_with_an_error(
    tmp_path, progress, capsys
):
    callback = Noting(tmp_path, raising="round")
    tracker = tracked(callback, progress, tmp_path)
    progress.slowest = 1
    progress.heard(0, {"round": 1})
    tracker.update()
    with pytest.raises(DecentralizepyError, match=r"Noting\.on_round_end failed"):
        tracker.__exit__(None, None, None)
    assert [event[0] for event in callback.events] == ["start", "round"]
    said = capsys.readouterr().err
    assert said.startswith(f"{__file__}:")
    assert "ZeroDivisionError: mine" in said.splitlines()[0]


def test_without_a_callback_nothing_is_kept(tmp_path, progress):
    with tracked(None, progress, tmp_path) as tracker:
        tracker.update()
    assert not hasattr(progress, "heard")
