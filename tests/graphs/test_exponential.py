"""Breaks when the exponential graph's edges are others, or go the other way."""

import pytest

from decentralizepy.errors import GraphError
from decentralizepy.graphs.Exponential import Exponential


def test_steps_are_powers_of_two():
    graph = Exponential(6)
    assert graph.neighbors(4) == {5, 0, 2}
    assert graph.in_neighbors(4) == {3, 2, 0}
    assert (graph.fixed, graph.directed) == (True, True)


@pytest.mark.parametrize(("n", "degree"), [(1, 0), (2, 1), (3, 2), (8, 3), (9, 4)])
def test_degrees(n, degree):
    graph = Exponential(n)
    assert {len(graph.neighbors(uid)) for uid in range(n)} == {degree}
    assert {len(graph.in_neighbors(uid)) for uid in range(n)} == {degree}


def test_no_nodes():
    with pytest.raises(GraphError, match="at least 1 node, not 0"):
        Exponential(0)
