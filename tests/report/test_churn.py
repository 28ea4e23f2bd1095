"""Breaks when a report counts other nodes as down, or other messages as lost, than were."""

from decentralizepy.report.churn import churn, facts
from decentralizepy.report.content import LISTED
from decentralizepy.results.read import read_runs
from tests.support.result_files import results, write


def of(folder, *nodes):
    """Return what is found of nodes, whose ranks count from 0, with three rounds each."""
    for rank, more in enumerate(nodes):
        write(folder / f"{rank}_results.json", results(**more))
    (run,) = read_runs(folder)
    return churn(run)


def test_a_run_without_churn_has_none(tmp_path):
    assert of(tmp_path, {}, {}) == {}
    assert facts({}) == []


def test_nodes_are_up_if_they_have_a_row_without_down(tmp_path):
    """The last node died after its first round; messages are lost at a server, too."""
    lost = {"down": {"1": True, "3": True}, "lost_messages": {"2": 3}}
    write(tmp_path / "-1_results.json", results(lost_messages={"2": 1}))
    found = of(tmp_path, {}, lost, {"rounds": 1})
    assert found["rounds"] == [1, 2, 3]
    assert found["up"] == [2, 2, 1]
    assert found["lost"] == [0, 4, 0]
    assert found["nodes"] == [["-1", 0, 1], ["0", 0, 0], ["1", 2, 3], ["2", 0, 0]]
    told = "nodes down in 2 of 7 node-rounds, 4 messages lost"
    assert facts(found) == [["churn", told]]


def test_of_a_large_run_the_nodes_down_longest_are_listed(tmp_path):
    down = {number: {str(n): True for n in range(1, number + 1)} for number in (1, 2)}
    nodes = [{"down": down[1 + (rank == 100)]} for rank in range(101)]
    found = of(tmp_path, *nodes)
    assert found["nodes"][:2] == [["100", 2, 0], ["0", 1, 0]]
    assert len(found["nodes"]) == LISTED
    assert "lost" not in found
