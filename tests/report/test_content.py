"""Breaks when a report shows other numbers than the results have."""

from decentralizepy.report import content
from decentralizepy.results.methods import read_methods
from decentralizepy.results.read import read_runs
from tests.support.result_files import results, write


def test_curves_have_bands_over_seeds_and_over_nodes(tmp_path):
    """Means of the seeds are 45 and 55: mean 50, half 12.706 * 7.0711 / sqrt(2) = 63.5."""
    for seed, low in (("a-1", 40.0), ("a-2", 50.0)):
        for rank in (0, 1):
            row = results(accuracy=low + 10 * rank, virtual_time={"2": 7.0})
            write(tmp_path / seed / f"machine0/{rank}_results.json", row)
    (method,), _ = read_methods([tmp_path])
    curve = content.curves(method)["test_acc"]
    assert curve == {
        "rounds": [2],
        "bytes": [2000.0],
        "seconds": [1.0],
        "virtual": [7.0],
        "mean": [50.0],
        "nodes": [[45.0], [45.0], [55.0], [55.0]],
        "seeds": [[0.0], [100.0]],  # an accuracy
    }


def test_a_large_run_is_drawn_as_quantiles(tmp_path):
    for rank in range(101):
        row = results(accuracy=float(rank), wait={"1": 1.0}, slowest={"1": rank})
        write(tmp_path / f"{rank}_results.json", row)
    (run,) = read_runs(tmp_path)
    heat = content.heat(run, "test_acc")
    assert heat["rows"][:2] == ["0 %", "5 %"]
    assert [row[0] for row in heat["values"]] == [5.0 * n for n in range(21)]
    assert len(content.waits(run)["uids"]) == content.LISTED


def test_a_wait_counts_for_whom_the_node_waited_longest(tmp_path):
    waits = {"wait": {"1": 1.0, "2": 2.0, "3": 4.0}}
    rows = [
        results(slowest={"1": 1, "2": 2, "3": 1}, **waits),
        results(slowest={"3": 2}, **waits),
    ]
    for rank, row in enumerate(rows):
        write(tmp_path / f"{rank}_results.json", row)
    (run,) = read_runs(tmp_path)
    assert content.waits(run) == {
        "rows": ["0", "1"],
        "uids": [1, 2],
        "values": [[5.0, 2.0], [0.0, 4.0]],
    }
