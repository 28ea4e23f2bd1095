"""Breaks when a run ends with 0 although nodes were lost, or waits for a stillborn one."""

import json

import pytest

from decentralizepy.results.write import Results
from decentralizepy.runs.losses import Begun, lost_peers
from decentralizepy.runs.spec import NodeSpec


def test_whoever_was_lost_on_another_machine_is_told(tmp_path):
    """The last line counts: it has all who were lost before."""
    for rank, lost in enumerate(([], [5], [5, 7])):
        rounds = [{"round": 1}, {"round": 2, "lost_peers": lost}]
        lines = "".join(json.dumps(each) + "\n" for each in rounds)
        (tmp_path / f"{rank}_results.jsonl").write_text(lines)
    (tmp_path / "3_results.jsonl").touch()
    assert lost_peers(tmp_path, range(5)) == [5, 7]
    assert lost_peers(tmp_path, [0, 3, 4]) == []


@pytest.mark.parametrize("resumed", [False, True])
@pytest.mark.parametrize(
    ("rank", "passed", "begun"),
    [(0, True, True), (0, False, False), (-1, True, False)],
)
def test_nobody_waits_for_a_node_that_died_before_it_greeted(
    tmp_path, rank, passed, begun, resumed
):
    """Nor is the results file of the run that is resumed taken for this one's."""
    if resumed:
        Results(str(tmp_path), rank).close()
    spec = NodeSpec(object, (), rank, 0, rank, tmp_path / f"{rank}.log")
    begins = Begun([spec])
    if passed:
        Results(str(tmp_path), rank)  # as a node does after the start barrier
    assert begins(spec) == begun


def test_where_nodes_share_a_file_each_marks_its_beginning(tmp_path):
    rows = [{"rank": 0, "kept": 0}, {"rank": 1, "kept": 0}, {"rank": 0, "round": 1}]
    rows += [{"rank": 1, "round": 1, "lost_peers": [0]}]
    with (tmp_path / "results.jsonl").open("w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
        specs = [NodeSpec(object, (), n, 0, n, tmp_path / f"{n}.log") for n in (0, 1)]
        file.flush()
        begins = Begun(specs)
        assert [*map(begins, specs)] == [False, False]
        file.write('{"rank": 1, "kept": 1}\n')
        file.flush()
        assert [*map(begins, specs)] == [False, True]
    assert lost_peers(tmp_path, [0, 1]) == [0]
    assert lost_peers(tmp_path, [0]) == []
