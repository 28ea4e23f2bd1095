"""Breaks when a run ends with 0 although nodes were lost, or waits for a stillborn one."""

import json

import pytest

from decentralizepy.run.losses import had_begun, lost_peers
from decentralizepy.run.spec import NodeSpec


def test_whoever_was_lost_on_another_machine_is_told(tmp_path):
    """The last line counts: it has all who were lost before."""
    for rank, lost in enumerate(([], [5], [5, 7])):
        rounds = [{"round": 1}, {"round": 2, "lost_peers": lost}]
        lines = "".join(json.dumps(each) + "\n" for each in rounds)
        (tmp_path / f"{rank}_results.jsonl").write_text(lines)
    (tmp_path / "3_results.jsonl").touch()
    assert lost_peers(tmp_path, range(5)) == [5, 7]
    assert lost_peers(tmp_path, [0, 3, 4]) == []


@pytest.mark.parametrize(
    ("rank", "fresh", "begun"),
    [(0, True, True), (1, True, False), (1, False, True), (-1, True, False)],
)
def test_nobody_waits_for_a_node_that_died_before_it_greeted(
    tmp_path, rank, fresh, begun
):
    for each in (-1, 0):
        (tmp_path / f"{each}_results.jsonl").touch()
    spec = NodeSpec(object, (), rank, 0, rank, tmp_path / f"{rank}.log", fresh=fresh)
    assert had_begun(spec) == begun
