"""Breaks when the base graph's rounds are no exact average, or need too many peers."""

import numpy as np
import pytest

from decentralizepy.errors import GraphError
from decentralizepy.graphs.BaseGraph import BaseGraph, Weighted
from decentralizepy.graphs.Ring import Ring
from decentralizepy.sharing.PlainAverageSharing import PlainAverageSharing
from decentralizepy.sharing.Sharing import Sharing
from tests.support.apart import STILL, Apart, models
from tests.support.rings import Vector, make, run, vectors


def rounds_of(graph):
    return [graph.at(iteration) for iteration in range(graph.period)]


@pytest.mark.parametrize("peers", [1, 2, 3])
@pytest.mark.parametrize("n", range(1, 41))
def test_a_period_is_an_exact_average_of_doubly_stochastic_rounds(n, peers):
    product = np.eye(n)
    for graph in rounds_of(BaseGraph(n, peers)):
        matrix = graph.mixing_matrix()
        assert matrix.min() >= 0
        assert matrix == pytest.approx(matrix.T, abs=0)
        assert matrix.sum(axis=0) == pytest.approx(np.ones(n))
        assert max(map(len, graph.adj_list)) <= peers
        product = matrix @ product
    assert product == pytest.approx(np.full((n, n), 1 / n), abs=1e-9)


def test_three_nodes_by_hand():
    """Two average, one of them meets the third with weight 2/3, the two average."""
    first, second, third = (graph.mixing_matrix() for graph in rounds_of(BaseGraph(3)))
    assert first == pytest.approx(np.array([[0.5, 0.5, 0], [0.5, 0.5, 0], [0, 0, 1]]))
    assert second == pytest.approx(
        np.array([[1 / 3, 0, 2 / 3], [0, 1, 0], [2 / 3, 0, 1 / 3]])
    )
    assert third.tolist() == first.tolist()


@pytest.mark.parametrize(
    ("n", "peers", "period"),
    [(1, 1, 1), (2, 1, 1), (16, 1, 4), (12, 2, 3), (12, 3, 2), (5, 1, 5), (5, 2, 3)],
)
def test_how_long_a_period_is(n, peers, period):
    """Smooth numbers take a round a factor: 12 is 3 x 2 x 2, and 4 x 3."""
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
