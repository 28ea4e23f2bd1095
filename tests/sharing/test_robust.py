"""Breaks when a robust aggregate is another one, or an outlier moves it."""

from collections import deque
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays

from decentralizepy import factory
from decentralizepy.errors import ConfigError, PeerError
from decentralizepy.sharing.GeometricMedian import weiszfeld
from tests.support.rings import Vector, make, run, spread_of

ROWS = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
NAMES = {
    "CoordinateMedian": [4, 5, 6],
    "TrimmedMean": [4, 5, 6],
    "MeanAroundMedian": [2.5, 3.5, 4.5],
    "Krum": [1, 2, 3],
    "MultiKrum": [2.5, 3.5, 4.5],
    "GeometricMedian": [4, 5, 6],
    "NearestNeighborAverage": [2.5, 3.5, 4.5],
    # the own 1 2 3 is at distances 5.2 and 10.4, which is clipped to 5.2
    "ClippedGossip": [3, 4, 5],
    # farthest from the mean 4 5 6, besides the own, is 7 8 9
    "OutlierScissors": [2.5, 3.5, 4.5],
}
MODELS = st.integers(3, 9).flatmap(
    lambda m: arrays(np.float32, (m, 3), elements=st.integers(-8, 8))
)


def sharing(name, rows=ROWS, **options):
    """Return node 0 of a ring of as many nodes as rows."""
    owner = factory.load(f"decentralizepy.sharing.{name}", name)
    return make(owner, [Vector(row) for row in rows], **options)[0]


def aggregate(name, rows, **options):
    models = torch.tensor(rows, dtype=torch.float32)
    weights = torch.full((len(models),), 1 / len(models))
    return sharing(name, **options).aggregate(models, weights).numpy()


@pytest.mark.parametrize("name", NAMES)
def test_the_rows_of_the_referee(name):
    assert aggregate(name, ROWS) == pytest.approx(NAMES[name], abs=1e-5)


def test_three_steps_of_weiszfeld_from_zero():
    models = torch.tensor(ROWS, dtype=torch.float64)
    point = weiszfeld(models, torch.zeros(3, dtype=torch.float64), 3, 0.1)
    assert point.tolist() == pytest.approx([3.78788764, 4.78788764, 5.78788764])


@pytest.mark.parametrize("name", NAMES)
def test_a_round_of_three_nodes_that_all_meet(name):
    """In a ring of three, all weights are 1/3, and node 0 has the rows in order."""
    nodes = make(type(sharing(name)), [Vector(row) for row in ROWS])
    run(nodes)
    assert nodes[0].flat.vector().numpy() == pytest.approx(NAMES[name], abs=1e-5)


def tolerated(rows, byzantine):
    return min(byzantine, (len(rows) - 1) // 2)


def lowest_scores(rows, byzantine, count):
    """Return the models with the lowest scores of Krum, by its definition."""
    m, f = len(rows), tolerated(rows, byzantine)
    scores = []
    for i in range(m):
        others = sorted(((rows[i] - rows[j]) ** 2).sum() for j in range(m) if j != i)
        scores.append(sum(others[: max(1, m - f - 2)]))
    order = sorted(range(m), key=lambda i: (scores[i], i))
    return rows[order[:count]].mean(axis=0)


def nearest_subset(rows, byzantine):
    """Return the mean of the subset with row 0 whose sum of distances to it is least."""
    size = len(rows) - tolerated(rows, byzantine)
    away = np.linalg.norm(rows - rows[0], axis=1)
    subsets = combinations(range(1, len(rows)), size - 1)
    best = min(subsets, key=lambda subset: sum(away[list(subset)]))
    return rows[[0, *best]].mean(axis=0)


def trimmed(rows, byzantine):
    f = tolerated(rows, byzantine)
    columns = [sorted(column)[f : len(rows) - f] for column in rows.T]
    return np.array([np.mean(column) for column in columns])


BRUTE = {
    "CoordinateMedian": lambda rows, f: np.median(rows, axis=0),
    "TrimmedMean": trimmed,
    "Krum": lambda rows, f: lowest_scores(rows, f, 1),
    "MultiKrum": lambda rows, f: lowest_scores(rows, f, len(rows) - tolerated(rows, f)),
    "NearestNeighborAverage": nearest_subset,
}


@pytest.mark.parametrize("name", BRUTE)
@given(rows=MODELS, byzantine=st.integers(0, 3))
@settings(max_examples=40)
def test_brute_force_gives_the_same(name, rows, byzantine):
    found = aggregate(name, rows, byzantine=byzantine)
    expected = BRUTE[name](rows.astype(np.float64), byzantine)
    if name == "NearestNeighborAverage":  # of those at equal distance, either may count
        away = np.linalg.norm(rows - rows[0], axis=1)
        if len(set(away.round(4))) < len(rows):
            return
    assert found == pytest.approx(expected, abs=1e-4)


@given(rows=MODELS)
@settings(max_examples=30)
def test_no_point_nearby_has_a_smaller_sum_of_distances(rows):
    point = aggregate("GeometricMedian", rows, steps=400)

    def total(at):
        return np.linalg.norm(rows.astype(np.float64) - at, axis=1).sum()

    for step in (0.5, 0.05):
        for axis in range(3):
            for sign in (-1, 1):
                moved = point.astype(np.float64)
                moved[axis] += sign * step
                assert total(point) <= total(moved) + 1e-2


@pytest.mark.parametrize("name", NAMES)
@given(rows=MODELS, far=st.integers(3, 30), seed=st.integers(0, 99))
@settings(max_examples=30)
def test_one_neighbor_cannot_move_the_aggregate_far(name, rows, far, seed):
    """Wherever its model is, the aggregate stays near those of the others."""
    direction = np.random.default_rng(seed).normal(size=3)
    rows[-1] = 10.0 ** min(far, 8) * direction / np.linalg.norm(direction)
    honest = rows[:-1]
    found = aggregate(name, rows)
    width = np.linalg.norm(honest - honest[0], axis=1).max()
    away = np.linalg.norm(found - honest[0])
    assert away <= 2 * width + 1e-3 + 3 * (name == "GeometricMedian") * width * len(
        rows
    )


@pytest.mark.parametrize("name", NAMES)
def test_equal_models_stay_as_they_are(name):
    rows = [[0.1, -3.0, 7.5]] * 4
    nodes = make(type(sharing(name)), [Vector(row) for row in rows])
    run(nodes, rounds=3)
    assert nodes[0].flat.vector().tolist() == pytest.approx(rows[0])


@pytest.mark.parametrize("name", sorted(NAMES.keys() - {"Krum"}))
def test_nodes_without_attackers_come_closer(name):
    models = [Vector(np.random.default_rng(uid).normal(size=5)) for uid in range(5)]
    owner = type(sharing(name))
    nodes = make(owner, models, byzantine=0)
    before = spread_of(nodes)
    run(nodes, rounds=30)
    assert spread_of(nodes) < 0.7 * before


@pytest.mark.parametrize("name", NAMES)
def test_a_node_without_messages_keeps_its_model(name):
    node = sharing(name)
    node._averaging({})
    assert node.flat.vector().tolist() == ROWS[0]
    assert node.communication_round == 1


def delivered(node, values):
    message = {"params": np.array(values, np.float32), "degree": 2, "iteration": 0}
    good = {"params": np.array(ROWS[1], np.float32), "degree": 2, "iteration": 0}
    node._averaging({1: deque([good]), 2: deque([message])})
    return node.flat.vector().tolist()


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_finite_is_ignored_or_ends_the_run(name):
    node = sharing(name)
    node.nonfinite = "drop"
    result = delivered(node, [np.nan, 0, 0])
    low, high = np.array(ROWS[0]), np.array(ROWS[1])
    assert ((low <= result) & (result <= high)).all()
    with pytest.raises(PeerError, match="uid 2 sent a model with NaN or infinity"):
        delivered(sharing(name), [np.inf, 0, 0])


def test_a_model_of_another_size_is_its_senders_fault():
    with pytest.raises(PeerError, match="uid 2 sent a model of round 0 that does not"):
        delivered(sharing("Krum"), [1.0])


def test_a_parameter_server_is_refused():
    with pytest.raises(ConfigError, match="sharing_class = Krum: has no server"):
        sharing("Krum")._averaging_server({})
