"""Breaks when the rows of nodes that share a file are lost, mixed up or counted twice."""

import json
import os

import pytest

from decentralizepy.errors import DecentralizepyError
from decentralizepy.results import lines
from decentralizepy.results.lines import (
    SharedLines,
    arrange,
    place_of,
    read_all,
    read_shared,
    share,
)
from decentralizepy.results.read import read_runs
from decentralizepy.results.write import Results, derive_shared


@pytest.fixture
def shared(tmp_path):
    """The file of nodes that take turns in this process, until the test ends."""
    token = lines._SHARED.set(None)
    yield SharedLines(tmp_path)
    lines._SHARED.reset(token)


def rounds(folder):
    """Return the rounds of each rank, as readers find them."""
    found = read_shared(folder)
    return {rank: [row["round"] for row in rows] for rank, rows in found.items()}


def write(folder, lines, done, numbers, ranks=(0, 1)):
    """Write rounds ``numbers``, of nodes that start after ``done`` rounds."""
    share(lines)
    nodes = [Results(str(folder), rank, done) for rank in ranks]
    for number in numbers:
        for rank, node in zip(ranks, nodes, strict=True):
            node.add(number, {"test_acc": 10.0 * number + rank})
    for node in nodes:
        node.close()
    return nodes


def test_rows_are_written_together_and_read_by_rank(tmp_path, shared):
    write(tmp_path, shared, 0, (1, 2))
    assert rounds(tmp_path) == {}  # they are held until the engine says so
    shared.flush()
    assert rounds(tmp_path) == {0: [1, 2], 1: [1, 2]}
    assert os.listdir(tmp_path) == ["results.jsonl"]
    derive_shared(tmp_path)
    table = json.loads((tmp_path / "1_results.json").read_text())
    assert table["test_acc"] == {"1": 11.0, "2": 21.0}
    (run,) = read_runs(tmp_path)
    assert run.metric("test_acc").to_dict() == {
        "0": {1: 10.0, 2: 20.0},
        "1": {1: 11.0, 2: 21.0},
    }


def test_a_checkpoint_does_not_outlive_the_rows_before_it(tmp_path, shared):
    share(shared)
    node = Results(str(tmp_path), 3)
    node.add(1, {})
    node.flush()
    assert rounds(tmp_path) == {3: [1]}


def test_rounds_that_are_done_again_count_once(tmp_path, shared):
    """After a kill, rows are those up to the checkpoint and those after the resume."""
    write(tmp_path, shared, 0, (1, 2, 3, 4))
    shared.close()
    again = SharedLines(tmp_path)
    nodes = write(tmp_path, again, 2, (3,))
    again.close()
    assert nodes[0].done == 2
    assert rounds(tmp_path) == {0: [1, 2, 3], 1: [1, 2, 3]}


@pytest.mark.parametrize("cut", range(1, 60))
def test_half_a_line_of_a_worker_that_was_killed_spoils_no_other(tmp_path, shared, cut):
    write(tmp_path, shared, 0, (1, 2), ranks=[0])
    shared.close()
    path = tmp_path / "results.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    other = SharedLines(tmp_path)
    write(tmp_path, other, 0, (1,), ranks=[7])
    other.close()
    found = rounds(tmp_path)
    assert found[7] == [1]
    assert found[0][:1] == [1]


def test_lines_that_are_no_rows_are_passed_over(tmp_path):
    text = 'x\n[1]\n{"rank": "a"}\n{"round": 1}\n{"rank": 2}\n{"rank": 2, "round": 5}\n'
    (tmp_path / "results.jsonl").write_text(text)
    assert rounds(tmp_path) == {2: [5]}


def test_a_full_disk_is_tried_again_and_told_at_the_end(shared, monkeypatch):
    """It takes half of the first line, then nothing, then everything."""
    room, write = [20], os.write

    def limited(file, content):
        if not room[0]:
            raise OSError(28, "No space left on device")
        taken = bytes(content[: room[0]])
        room[0] -= len(taken)
        return write(file, taken)

    share(shared)
    monkeypatch.setattr(lines.os, "write", limited)
    node = Results(str(shared.path.parent), 5)
    node.add(1, {"total_bytes": 7})
    for _ in range(2):
        with pytest.raises(OSError, match="No space"):
            shared.flush()
    room[0] = 1_000_000
    node.add(2, {"total_bytes": 8})
    shared.flush()
    assert rounds(shared.path.parent) == {5: [1, 2]}
    room[0] = 0
    node.add(3, {})
    told = "results.jsonl: No space left on device; 1 lines are not saved"
    with pytest.raises(DecentralizepyError, match=told):
        shared.close()


def test_another_engine_finds_the_rows_as_it_writes_them(tmp_path, shared):
    """From a file per node to one for all, and back; twice is the same as once."""
    with Results(str(tmp_path), 0) as node:
        node.add(1, {"test_acc": 5.0})
    with Results(str(tmp_path), -1) as server:
        server.add(1, {})
    before = read_all(tmp_path)
    for together in (True, True, False, False):
        arrange(tmp_path, together)
        assert read_all(tmp_path) == before
        assert (tmp_path / "results.jsonl").exists() == together
        own = {path.name for path in tmp_path.glob("*.jsonl")} - {"results.jsonl"}
        assert own == (set() if together else {"0_results.jsonl", "-1_results.jsonl"})


def test_outside_of_turns_a_node_has_its_own_file(tmp_path):
    assert place_of(tmp_path / "4_results.jsonl", 4).path.name == "4_results.jsonl"
