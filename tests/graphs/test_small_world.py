"""SmallWorld: contains the ring, the same for the same seed."""

import pytest
from hypothesis import given, strategies as st

from decentralizepy.errors import GraphError
from decentralizepy.graphs import Ring, SmallWorld


@st.composite
def sizes(draw):
    n = draw(st.integers(1, 24))
    return n, draw(st.integers(0, n // 2))


@given(sizes(), st.floats(0, 1), st.integers(0, 10**6))
def test_contains_the_ring(size, beta, seed):
    n, k_over_2 = size
    graph = SmallWorld(n, k_over_2, beta, seed=seed)
    for uid in range(n):
        assert Ring(n).neighbors(uid) <= graph.neighbors(uid)
        assert uid not in graph.neighbors(uid)


def test_nothing_moves_at_beta_zero():
    assert SmallWorld(8, 2, 0).neighbors(0) == {1, 2, 6, 7}


def test_seed_decides():
    assert SmallWorld(32, 2, 0.5, 1).adj_list == SmallWorld(32, 2, 0.5, 1).adj_list
    assert SmallWorld(32, 2, 0.5, 1).adj_list != SmallWorld(32, 2, 0.5, 2).adj_list


@pytest.mark.parametrize(
    ("k_over_2", "beta", "expected"),
    [
        (5, 0.1, "k_over_2 = 5: for 8 nodes it is a number from 0 to 4"),
        (-1, 0.1, "k_over_2 = -1: for 8 nodes it is a number from 0 to 4"),
        (2, 1.5, "beta = 1.5: it is a probability, 0 to 1"),
        (2, float("nan"), "beta = nan: it is a probability, 0 to 1"),
    ],
)
def test_options_out_of_range(k_over_2, beta, expected):
    with pytest.raises(GraphError) as caught:
        SmallWorld(8, k_over_2, beta)
    assert str(caught.value) == expected
