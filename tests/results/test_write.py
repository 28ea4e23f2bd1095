"""Breaks when results are lost, or evaluated in other rounds than upstream's."""

import json

import pytest

from decentralizepy.results import write
from decentralizepy.results.write import METRICS, Results, Schedule, derive


def due(schedule, rounds):
    steps = [schedule.step() for _ in range(rounds)]
    numbers = range(1, rounds + 1)
    return (
        [number for number, (train, _) in zip(numbers, steps, strict=True) if train],
        [number for number, (_, test) in zip(numbers, steps, strict=True) if test],
    )


def test_evaluations_come_in_their_intervals():
    assert due(Schedule(3, 2), 9) == ([2, 4, 6, 8], [3, 6, 9])


def test_from_the_fiftieth_test_on_they_are_half_as_frequent():
    train, test = due(Schedule(1, 1), 56)
    assert test == [*range(1, 51), 52, 54, 56]
    assert train == [*range(1, 51), 52, 54, 56]


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
