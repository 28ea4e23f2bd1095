"""Breaks when the base graph's rounds are no exact average, or need too many peers."""

import math

import numpy as np
import pytest

from decentralizepy.errors import GraphError
from decentralizepy.graphs.BaseGraph import BaseGraph
from decentralizepy.graphs.Ring import Ring
from decentralizepy.graphs.TimeVarying import Weighted
from decentralizepy.sharing.PlainAverageSharing import PlainAverageSharing
from decentralizepy.sharing.Sharing import Sharing
from tests.support.apart import STILL, Apart, models
from tests.support.rings import Vector, make, run, vectors


def rounds_of(graph):
    return [graph.at(iteration) for iteration in range(graph.period)]


@pytest.mark.parametrize("peers", [1, 2, 3, 4])
@pytest.mark.parametrize("n", range(1, 100))
def test_a_period_is_an_exact_average_and_as_short_as_published(n, peers):
    """Theorem 1 of Takezawa et al.: at most 2 log n / log(k + 1) + 2 rounds."""
    graph, product = BaseGraph(n, peers), np.eye(n)
    for each in rounds_of(graph):
        matrix = each.mixing_matrix()
        assert matrix.min() >= 0
        assert (matrix == matrix.T).all()
        assert abs(matrix.sum(axis=0) - 1).max() < 1e-12
        assert max(map(len, each.adj_list)) <= peers
        product = matrix @ product
    assert abs(product - 1 / n).max() < 1e-9
    assert graph.period <= 2 * math.log(n, peers + 1) + 2 + 1e-9


def test_three_nodes_by_hand():
    """Two average, one of them meets the third with weight 2/3, the two average."""
    first, second, third = (graph.mixing_matrix() for graph in rounds_of(BaseGraph(3)))
    assert first == pytest.approx(np.array([[0.5, 0.5, 0], [0.5, 0.5, 0], [0, 0, 1]]))
    assert second == pytest.approx(
        np.array([[1 / 3, 0, 2 / 3], [0, 1, 0], [2 / 3, 0, 1 / 3]])
    )
    assert third.tolist() == first.tolist()


def test_five_nodes_by_hand():
    """0 to 3 average in two rounds; then 4 meets 0 with weight 4/5; 0 to 3 average."""
    rounds = [
        {edge: graph.weight(*edge) for edge in graph.to_networkx().edges()}
        for graph in rounds_of(BaseGraph(5))
    ]
    pairs, across = {(0, 1): 0.5, (2, 3): 0.5}, {(0, 2): 0.5, (1, 3): 0.5}
    assert rounds == [pairs, across, {(0, 4): 0.8}, pairs, across]


@pytest.mark.parametrize(
    ("n", "peers", "period"),
    [
        *[(1, 1, 1), (2, 1, 1), (16, 1, 4), (12, 2, 3), (12, 3, 2), (48, 5, 3)],
        *[(5, 1, 5), (5, 2, 3), (6, 1, 4), (7, 1, 5), (25, 1, 9), (99, 4, 6)],
    ],
)
def test_how_long_a_period_is(n, peers, period):
    """Smooth numbers take a round a factor: 12 is 3 x 2 x 2, and 4 x 3; 48 is 6 x 4 x 2.

    5 = 4 + 1 and 7 = 4 + 2 + 1 nodes take two rounds, one, and two; 6 are 2 threes, of
    three rounds each side by side, and one; 25 = 16 + 8 + 1 take 4 + 1 + 4 rounds,
    and 99 = 75 + 20 + 4 in base 5 take 3 + 1 + 2.
    """
    assert BaseGraph(n, peers).period == period


def test_the_sequence_repeats():
    graph = BaseGraph(6)
    again = graph.at(2 + 7 * graph.period)
    assert again.mixing_matrix().tolist() == graph.at(2).mixing_matrix().tolist()


@pytest.mark.parametrize(("n", "peers"), [(0, 1), (4, 0)])
def test_options_are_named(n, peers):
    with pytest.raises(GraphError, match=r"at least 1 node|peers = 0"):
        BaseGraph(n, peers)


@pytest.mark.parametrize(("n", "peers"), [(1, 1), (5, 2), (6, 1)])
def test_a_run_ends_in_consensus(run_nodes, n, peers):
    graph = BaseGraph(n, peers)
    nodes = run_nodes(graph, Apart, rounds=graph.period, **STILL)
    assert models(nodes).numpy() == pytest.approx((n - 1) / 2, abs=1e-6)


@pytest.mark.parametrize("sharing", [Sharing, PlainAverageSharing])
def test_weights_of_the_graph_go_before_those_of_the_sharing(sharing):
    """Neighbors of degree 1 would count 1/2, not 1/4."""
    nodes = make(sharing, [Vector([0]), Vector([8])])
    for node in nodes:
        node.graph = Weighted(2, {(0, 1): 0.25})
    run(nodes)
    assert vectors(nodes).tolist() == [[2], [6]]


def test_who_is_no_neighbor_has_no_weight():
    graph = Weighted(3, {(0, 1): 0.25})
    assert (graph.weight(1, 0), graph.weight(0, 2)) == (0.25, None)
    assert Ring(3).weight(0, 1) is None
    assert BaseGraph(4).weight(0, 1) == 0.5
