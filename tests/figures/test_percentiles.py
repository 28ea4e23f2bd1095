"""How evenly entries are sent; breaks when counters are mixed up or shares are wrong."""

import json

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as arrays

from decentralizepy.figures import percentiles
from decentralizepy.graphs.Ring import Ring


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


@pytest.fixture
def two(tmp_path):
    """Two experiments: of two nodes on two machines, and of one node."""
    write(tmp_path / "ring/machine0/0_shared_parameters.json", [0, 2, 4])
    write(tmp_path / "ring/machine1/0_shared_parameters.json", [0, 4, 8])
    write(tmp_path / "star/machine0/0_shared_parameters.json", [1])
    return tmp_path


def test_upstreams_files_are_written(two):
    assert percentiles.main([str(two)]) == 0
    assert {path.name for path in two.iterdir() if path.is_file()} == {
        "percentiles.png",
        *(f"percentiles_histogram_{name}.png" for name in ("ring", "star")),
        *(f"shared_params_avg_{name}.json" for name in ("ring", "star")),
        *(f"shared_params_std_{name}.json" for name in ("ring", "star")),
    }


def test_means_and_deviations_are_over_nodes(two):
    percentiles.main([str(two)])
    assert json.loads((two / "shared_params_avg_ring.json").read_text()) == [0, 3, 6]
    assert json.loads((two / "shared_params_std_ring.json").read_text()) == [0, 1, 2]


@pytest.mark.parametrize(
    ("inside", "rows"), [("ring", {"ring": 2}), ("ring/machine1", {"machine1": 1})]
)
def test_one_experiment_or_one_machine_may_be_named(two, inside, rows):
    found = percentiles.read_counts(two / inside)
    assert {name: len(counts) for name, counts in found.items()} == rows


def test_shares_are_those_of_the_rarest_twentieth_first():
    """Of 40 entries, 38 sent once and two 81 times: 19 of 20 bins have 1 % each."""
    counts = np.array([[81.0, 81.0, *[1.0] * 38]])
    assert percentiles.shares(counts) == pytest.approx([1] * 19 + [81])


def test_nothing_sent_is_no_share():
    assert percentiles.shares(np.zeros((2, 40))).tolist() == [0] * 20


@given(
    arrays.arrays(
        float,
        st.tuples(st.integers(1, 3), st.integers(1, 70)),
        elements=st.integers(0, 100).map(float),
    )
)
def test_shares_add_up_to_all(counts):
    total = percentiles.shares(counts).sum()
    assert total == pytest.approx(100 if counts.any() else 0)


def test_percentiles_end_at_the_most_often_sent(two):
    drawn = percentiles.draw_percentiles(percentiles.read_counts(two))
    ring, star = drawn.axes[0].lines
    assert (ring.get_label(), star.get_label()) == ("ring", "star")
    assert ring.get_ydata()[[0, 50, 100]].tolist() == [0, 3, 6]
    assert drawn.axes[0].get_ylim()[0] == 0
    assert drawn.axes[0].get_ylim()[1] >= 6


def test_nodes_of_one_experiment_have_equal_models(two, capsys):
    path = two / "ring/machine1/1_shared_parameters.json"
    write(path, [1, 2])
    assert percentiles.main([str(two)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"plot_percentile: {path}: 2 counts; ")
    assert not [*two.glob("*.png")]


@pytest.mark.parametrize("content", [{}, [], ["x"], 3])
def test_a_damaged_file_is_named(two, capsys, content):
    path = two / "star/machine0/0_shared_parameters.json"
    write(path, content)
    assert percentiles.main([str(two)]) == 2
    expected = f"plot_percentile: {path}: expected a list of counts\n"
    assert capsys.readouterr().err == expected


def test_what_runs_write_is_read(run_nodes, tmp_path):
    sharing = {
        "sharing_package": "decentralizepy.sharing.PartialModel",
        "sharing_class": "PartialModel",
        "alpha": 0.3,
    }
    run_nodes(Ring(3), SHARING=sharing)
    (counts,) = percentiles.read_counts(tmp_path).values()
    assert counts.shape == (3, 10)
    assert counts.sum(axis=1).tolist() == [9, 9, 9]
