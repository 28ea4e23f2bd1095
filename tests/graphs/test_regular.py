"""Regular: connected, of the asked degree, the same for the same seed."""

import random

import networkx as nx
import pytest
from hypothesis import given, settings, strategies as st

from decentralizepy.errors import GraphError
from decentralizepy.graphs import Graph, Regular


@st.composite
def sizes(draw):
    n = draw(st.integers(3, 24))
    degree = draw(st.integers(2, n - 1).filter(lambda degree: n * degree % 2 == 0))
    return n, degree


@settings(max_examples=50, deadline=None)
@given(sizes(), st.integers(0, 10**6))
def test_connected_and_regular(size, seed):
    n, degree = size
    graph = Regular(n, degree, seed=seed)
    assert {graph.degree(uid) for uid in graph.get_all_nodes()} == {degree}
    assert graph.is_connected()


def test_seed_decides():
    assert Regular(16, 4, seed=3).adj_list == Regular(16, 4, seed=3).adj_list
    assert Regular(16, 4, seed=3).adj_list != Regular(16, 4, seed=4).adj_list


def test_a_connected_first_draw_is_that_of_networkx():
    """Published runs name a seed: their graph must come out."""
    drawn = nx.random_regular_graph(4, 16, seed=90)
    assert nx.is_connected(drawn)
    assert Regular(16, 4, seed=90).adj_list == Graph.from_networkx(drawn).adj_list


def test_islands_are_drawn_again():
    seed = next(
        seed
        for seed in range(100)
        if not nx.is_connected(nx.random_regular_graph(2, 12, seed=seed))
    )
    graph = Regular(12, 2, seed=seed)
    assert graph.is_connected()
    assert all(graph.degree(uid) == 2 for uid in range(12))


@pytest.mark.slow
def test_a_large_graph_of_degree_2_is_drawn_a_few_times_only(monkeypatch):
    """Of 100,000 nodes about 1 draw in 170 is connected: redrawing took a minute."""
    draws = []
    draw = nx.random_regular_graph

    def counted(*arguments, **options):
        draws.append(arguments)
        return draw(*arguments, **options)

    monkeypatch.setattr(nx, "random_regular_graph", counted)
    graph = Regular(20_000, 2, seed=1)
    assert len(draws) <= 20
    assert graph.is_connected()
    assert {graph.degree(uid) for uid in graph.get_all_nodes()} == {2}
    assert graph.adj_list == Regular(20_000, 2, seed=1).adj_list
    assert graph.adj_list != Regular(20_000, 2, seed=2).adj_list


def test_the_global_generator_is_left_alone():
    state = random.getstate()
    Regular(8, 3)
    assert random.getstate() == state


def test_a_dense_graph_ends():
    """Drawn directly, this one takes longer than anybody waits."""
    graph = Regular(64, 60, seed=1)
    assert all(graph.degree(uid) == 60 for uid in range(64))


def test_degree_one_gets_the_ring():
    graph = Regular(6, 1, seed=1)
    assert graph.is_connected()
    assert {graph.degree(uid) for uid in range(6)} <= {2, 3}
    assert Regular(2, 1).adj_list == [{1}, {0}]
    assert Regular(1, 0).adj_list == [set()]


@pytest.mark.parametrize(
    ("n", "degree", "expected"),
    [
        (5, 3, "it must be an even number from 0 to 4"),
        (8, 8, "it must be a number from 0 to 7"),
        (8, -1, "it must be a number from 0 to 7"),
    ],
)
def test_a_degree_that_cannot_be(n, degree, expected):
    with pytest.raises(GraphError) as caught:
        Regular(n, degree)
    assert str(caught.value) == f"{n} nodes cannot all have degree {degree}: {expected}"
