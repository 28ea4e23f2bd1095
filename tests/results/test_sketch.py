"""Breaks when the distance between models is not what their sketches say."""

import numpy as np
import pytest

from decentralizepy.results.read import read_runs
from decentralizepy.results.sketch import SIZE, distances, mixing, sketch
from tests.support.result_files import results, write


def test_each_entry_is_added_to_one_number_with_a_sign():
    for place in range(5):
        vector = np.zeros(5, np.float32)
        vector[place] = 3.0
        found = sketch([vector[:2], vector[2:]], seed=90)
        assert sorted(map(abs, found)) == [0.0] * (SIZE - 1) + [3.0]


def test_the_squared_norm_is_right_on_average_and_as_exact_as_documented():
    vector = np.random.default_rng(1).normal(size=1000)
    norms = [np.square(sketch([vector], seed)).sum() for seed in range(400)]
    ratios = np.array(norms) / np.square(vector).sum()
    assert ratios.mean() == pytest.approx(1, abs=0.05)
    assert ratios.std() == pytest.approx(np.sqrt(2 / SIZE), rel=0.15)


def test_distance_is_the_root_mean_square_over_the_nodes():
    """Of 1, 1 and 4 in one direction, the mean is 2: squares 1, 1 and 4, their mean 2."""
    rows = {
        "0": {5: [1.0, 7.0]},
        "1": {5: [1.0, 7.0]},
        "2": {5: [4.0, 7.0], 10: [0, 0]},
    }
    assert distances(rows) == {5: (pytest.approx(np.sqrt(2)), 3)}


def test_mixing_is_the_change_per_round():
    assert mixing({10: 8.0, 12: 2.0, 13: 3.0, 20: 0.0, 21: 1.0}) == {
        12: 0.5,
        13: 1.5,
        20: 0.0,
    }


@pytest.mark.parametrize("ending", ["json", "jsonl"])
def test_a_run_has_the_distance_of_its_nodes(tmp_path, ending):
    for rank, number in enumerate((1.0, 1.0, 4.0)):
        if ending == "json":
            more = {"sketch": {"2": [number, None]}}
            write(tmp_path / f"m/{rank}_results.json", results(**more))
        else:
            row = {"round": 2, "test_acc": 50.0, "sketch": [number, 0.0]}
            write(tmp_path / f"m/{rank}_results.jsonl", row)
            with (tmp_path / f"m/{rank}_results.jsonl").open("a") as file:
                file.write("\n")
    (run,) = read_runs(tmp_path)
    (far,) = run.metric("consensus_distance")["all nodes"]
    assert np.isnan(far) if ending == "json" else far == pytest.approx(np.sqrt(2))
    assert "sketch" not in run.metrics
    assert {"test_acc", "consensus_distance"} <= run.metrics


def test_a_server_has_no_distance(tmp_path):
    """Its clients start every round from the same model."""
    for rank in (-1, 0, 1):
        more = {"sketch": {"2": [float(rank)]}}
        write(tmp_path / f"m/{rank}_results.json", results(**more))
    (run,) = read_runs(tmp_path)
    assert run.metric("consensus_distance").empty
