"""Breaks when results are lost."""

import json

import pytest

from decentralizepy.results import write
from decentralizepy.results.write import (
    METRICS,
    Results,
    derive,
    forget_final,
    newest_final,
    read_final,
    write_final,
)


def test_upstreams_file_has_all_keys_and_rounds_as_text(tmp_path):
    results = Results(str(tmp_path), 3)
    results.add(1, {"total_bytes": 10})
    results.add(2, {"total_bytes": 20, "test_acc": 41.0, "test_loss": float("nan")})
    results.close()
    table = json.loads((tmp_path / "3_results.json").read_text())
    assert set(table) == {*METRICS, "time"}
    assert table["total_bytes"] == {"1": 10, "2": 20}
    assert table["test_acc"] == {"2": 41.0}
    assert table["test_loss"] == {"2": None}
    assert table["validation_acc"] == {}


def test_each_round_is_on_disk_when_it_is_over(tmp_path):
    results = Results(str(tmp_path), 0)
    results.add(1, {"total_bytes": 10})
    row = json.loads((tmp_path / "0_results.jsonl").read_text())
    assert (row["round"], row["total_bytes"]) == (1, 10)
    results.close()


@pytest.mark.parametrize("cut", range(1, 30))
def test_a_kill_at_any_byte_loses_only_the_last_line(tmp_path, cut):
    results = Results(str(tmp_path), 0)
    for number in (1, 2):
        results.add(number, {"total_bytes": 10 * number})
    results.close()
    lines = tmp_path / "0_results.jsonl"
    lines.write_bytes(lines.read_bytes()[:-cut])
    table = json.loads(derive(lines).read_text())
    assert table["total_bytes"]["1"] == 10


def test_the_derived_file_takes_a_twentieth_of_the_time_at_most(tmp_path, monkeypatch):
    """It is written whole, so it takes longer and longer in a long run."""
    clock, derived = [0.0], []

    def slow(lines):
        derived.append(clock[0])
        clock[0] += 1.0

    monkeypatch.setattr(write.time, "monotonic", lambda: clock[0])
    writer = Results(str(tmp_path), 0)
    monkeypatch.setattr(write, "derive", slow)
    for _ in range(60):
        writer.write()
        clock[0] += 1.0
    assert derived == [0.0, 21.0, 42.0]
    writer.close()


def test_metrics_of_all_models_are_added_to_those_of_earlier_rounds(tmp_path):
    write_final(tmp_path, 10, {"mean_model_acc": 40.0, "consensus_distance": 2.0})
    measured = {"mean_model_acc": 50.0, "mean_model_loss": float("nan")}
    write_final(tmp_path, 5, measured, earlier=read_final(tmp_path))
    assert read_final(tmp_path) == {
        "mean_model_acc": {"10": 40.0, "5": 50.0},
        "mean_model_loss": {"5": None},
    }
    assert newest_final(tmp_path) == (10, {"mean_model_acc": 40.0})
    write_final(tmp_path, 20, {"mean_model_acc": 60.0})
    assert read_final(tmp_path) == {"mean_model_acc": {"20": 60.0}}


@pytest.mark.parametrize("content", ["{", "[1]", '{"a": {"x": 1}}', '{"a": 3}'])
def test_damaged_metrics_are_none(tmp_path, content):
    (tmp_path / "final.json").write_text(content)
    assert read_final(tmp_path) == {}
    assert newest_final(tmp_path) == (0, {})


def test_metrics_after_the_round_to_resume_from_are_forgotten(tmp_path):
    earlier = {"mean_model_acc": {"5": 40.0, "10": 50.0}}
    write_final(tmp_path, 15, {"mean_model_acc": 60.0}, earlier=earlier)
    forget_final(tmp_path, 10)
    assert read_final(tmp_path) == earlier
    forget_final(tmp_path / "nowhere", 0)
