"""Breaks when a robust aggregate is another one, or an outlier moves it."""

from collections import deque
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings, strategies as st
from hypothesis.extra.numpy import arrays

from decentralizepy import factory
from decentralizepy.errors import ConfigError, PeerError
from decentralizepy.sharing.GeometricMedian import weiszfeld
from decentralizepy.sharing.Sharing import Sharing
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
    # the nearer neighbor, 4 5 6, has half of the weight
    "UBAR": [2.5, 3.5, 4.5],
    # half of the neighbors' weight is suspected, so no distance is certain
    "CSPlus": [1, 2, 3],
    # a third of the way to the nearer neighbor
    "GTS": [2, 3, 4],
}
MODELS = st.integers(3, 9).flatmap(
    lambda m: arrays(np.float32, (m, 3), elements=st.integers(-8, 8))
)


class Judge:
    """A trainer and its data: the loss is the distance of a node's model from a point."""

    batch_size, random_seed = 2, 1

    def __init__(self, node, point=(0, 0, 0)):
        self.node, self.points = node, [torch.tensor(point, dtype=torch.float32)]

    def get_trainset(self, batch_size, shuffle):
        assert not shuffle
        return self.points

    def loss_on(self, batch):
        model = self.node.flat.vector()
        return (model[: len(batch)] - batch[: len(model)]).norm()


def made(name, models, **options):
    """Return nodes in a ring; those that compare losses have a judge."""
    owner = factory.load(f"decentralizepy.sharing.{name}", name)
    nodes = make(owner, models, **options)
    for node in nodes:
        if name == "UBAR":
            node.dataset = node.trainer = Judge(node)
    return nodes


def sharing(name, rows=ROWS, **options):
    """Return node 0 of a ring of as many nodes as rows."""
    return made(name, [Vector(row) for row in rows], **options)[0]


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
    nodes = made(name, [Vector(row) for row in ROWS])
    run(nodes)
    assert nodes[0].flat.vector().numpy() == pytest.approx(NAMES[name], abs=1e-5)


def test_the_plain_mean_of_the_referee():
    nodes = make(Sharing, [Vector(row) for row in ROWS])
    run(nodes)
    assert nodes[0].flat.vector().numpy() == pytest.approx([4, 5, 6])


@pytest.mark.parametrize(
    ("weights", "theirs", "clipped", "trimmed"),
    [
        # b is 1/6; up to the distance 3, neighbors weigh 5/6 - 2/6
        ([1 / 6] * 5, [1, 2, 3, 5, -9], (1 + 2 + 3 + 3 - 3) / 6, (1 + 2 + 3 + 5) / 6),
        # b is 0.3, that of 4; up to the distance 1, they weigh 0.7 - 0.6
        ([0.1, 0.2, 0.3, 0.1], [1, 2, 4, 8], 0.7, 0.1 * 1 + 0.2 * 2 + 0.1 * 4),
    ],
)
def test_differences_are_clipped_or_left_out_by_weight(
    weights, theirs, clipped, trimmed
):
    """One node, whose model is 0, with one suspected neighbor."""
    models = torch.tensor([[0.0], *([each] for each in theirs)])
    all_weights = torch.tensor([1 - sum(weights), *weights])
    for name, expected in (("CSPlus", clipped), ("GTS", trimmed)):
        for step in (1.0, 0.5):
            node = sharing(name, models.tolist(), step_size=step)
            found = node.aggregate(models, all_weights).tolist()
            assert found == pytest.approx([step * expected], rel=1e-5)


def test_ubar_keeps_near_models_of_no_higher_loss():
    """Of 1, 2, -1 and 9, beside 0, f = 1 drops 9; of a target of 3, 1 and 2 are nearer."""
    models = torch.tensor([[0.0], [1], [2], [-1], [9]])
    node = sharing("UBAR", [[0], [1], [2], [-1], [9]], byzantine=1, alpha=0.4)
    node.trainer = node.dataset = Judge(node, (3,))
    weights = torch.full((5,), 0.2)
    assert node.aggregate(models, weights).tolist() == pytest.approx([0.6 * 1.5])
    node.trainer = node.dataset = Judge(node, (0,))  # all are worse: the nearest counts
    assert node.aggregate(models, weights).tolist() == pytest.approx([0.6 * 1])
    assert node.flat.vector().tolist() == [0]  # its model is what it was


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


def around_median(rows, byzantine):
    f = tolerated(rows, byzantine)
    means = []
    for column in rows.T:
        middle = np.median(column)
        ranked = sorted(column, key=lambda value: abs(value - middle))
        means.append(np.mean(ranked[: len(rows) - f]))
    return np.array(means)


def scissored(rows, byzantine):
    left = [*range(len(rows))]
    for _ in range(tolerated(rows, byzantine)):
        away = np.linalg.norm(rows[left] - rows[left].mean(axis=0), axis=1)
        first, second = sorted(away[1:])[:-3:-1]
        assume(first > second + 1e-4)
        del left[1 + int(away[1:].argmax())]
    return rows[left].mean(axis=0)


def moved(rows, reach):
    """Return the average with equal weights, of differences of at most ``reach``."""
    total = np.zeros(rows.shape[1])
    for row in rows[1:]:
        length = np.linalg.norm(row - rows[0])
        total += (row - rows[0]) * (min(1, reach / length) if length else 0)
    return rows[0] + total / len(rows)


def clipped(rows, byzantine):
    away = sorted(np.linalg.norm(rows[1:] - rows[0], axis=1), reverse=True)
    return moved(rows, away[min(byzantine, len(away) - 1)])


def clipped_sum(rows, byzantine):
    away = sorted(np.linalg.norm(rows[1:] - rows[0], axis=1))
    certain = len(away) - 2 * byzantine
    return moved(rows, away[certain - 1] if certain > 0 else 0)


def trimmed_sum(rows, byzantine):
    away = np.linalg.norm(rows[1:] - rows[0], axis=1)
    near = np.argsort(away)[: max(0, len(away) - byzantine)]
    return rows[0] + (rows[1:][near] - rows[0]).sum(axis=0) / len(rows)


def judged(rows, byzantine):
    """Return UBAR's average where the loss is a model's length."""
    away = np.linalg.norm(rows - rows[0], axis=1)
    order = sorted(range(1, len(rows)), key=lambda i: away[i])
    near = order[: len(order) - tolerated(rows, byzantine)]
    squares = (rows**2).sum(axis=1)
    good = [i for i in near if squares[i] <= squares[0]] or near[:1]
    return (rows[0] + rows[good].mean(axis=0)) / 2


BRUTE = {
    "CoordinateMedian": lambda rows, f: np.median(rows, axis=0),
    "TrimmedMean": trimmed,
    "MeanAroundMedian": around_median,
    "Krum": lambda rows, f: lowest_scores(rows, f, 1),
    "MultiKrum": lambda rows, f: lowest_scores(rows, f, len(rows) - tolerated(rows, f)),
    "NearestNeighborAverage": nearest_subset,
    "OutlierScissors": scissored,
    "ClippedGossip": clipped,
    "CSPlus": clipped_sum,
    "GTS": trimmed_sum,
    "UBAR": judged,
}
BY_DISTANCE = ("NearestNeighborAverage", "GTS", "UBAR")


def test_all_but_the_geometric_median_are_compared_to_brute_force():
    assert BRUTE.keys() == NAMES.keys() - {"GeometricMedian"}


@pytest.mark.parametrize("name", BRUTE)
@given(rows=MODELS, byzantine=st.integers(0, 3))
@settings(max_examples=40)
def test_brute_force_gives_the_same(name, rows, byzantine):
    if name in BY_DISTANCE:  # of those at equal distance, either may count
        away = np.linalg.norm(rows - rows[0], axis=1)
        assume(len(set(away.round(4))) == len(rows))
    found = aggregate(name, rows, byzantine=byzantine)
    expected = BRUTE[name](rows.astype(np.float64), byzantine)
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
    nodes = made(name, [Vector(row) for row in rows])
    run(nodes, rounds=3)
    assert nodes[0].flat.vector().tolist() == pytest.approx(rows[0])


@pytest.mark.parametrize("name", sorted(NAMES.keys() - {"Krum"}))
def test_nodes_without_attackers_come_closer(name):
    models = [Vector(np.random.default_rng(uid).normal(size=5)) for uid in range(5)]
    nodes = made(name, models, byzantine=0)
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
