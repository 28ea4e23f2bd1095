"""Ring, Star and FullyConnected."""

import pytest

from decentralizepy.errors import GraphError
from decentralizepy.graphs import FullyConnected, Ring, Star


def test_ring():
    assert Ring(1).adj_list == [set()], "a node alone has no self-loop"
    assert Ring(2).adj_list == [{1}, {0}]
    assert Ring(5).adj_list == [{1, 4}, {0, 2}, {1, 3}, {2, 4}, {3, 0}]


def test_star():
    assert Star(1).adj_list == [set()]
    assert Star(4).adj_list == [{1, 2, 3}, {0}, {0}, {0}]


def test_fully_connected():
    assert FullyConnected(1).adj_list == [set()]
    assert FullyConnected(4).adj_list == [{1, 2, 3}, {0, 2, 3}, {0, 1, 3}, {0, 1, 2}]


@pytest.mark.parametrize("kind", [Ring, Star, FullyConnected])
def test_no_nodes(kind):
    with pytest.raises(GraphError, match="at least 1 node, not 0"):
        kind(0)
