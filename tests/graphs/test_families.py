"""Breaks when a graph of a known family has other edges, or does not average as published."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from decentralizepy.errors import GraphError
from decentralizepy.graphs.BinaryTree import BinaryTree
from decentralizepy.graphs.Bipartite import Bipartite
from decentralizepy.graphs.DoubleBinaryTree import DoubleBinaryTree
from decentralizepy.graphs.EquiStatic import EquiStatic
from decentralizepy.graphs.Hypercube import Hypercube
from decentralizepy.graphs.RandomGeometric import RandomGeometric
from decentralizepy.graphs.Torus import Torus
from decentralizepy.graphs.UEquiStatic import UEquiStatic
from decentralizepy.randomness import Purpose, stream

SEEDS = st.integers(0, 1000)


def test_small_ones_by_hand():
    assert Hypercube(1).adj_list == [set()]
    assert Hypercube(4).adj_list == [{1, 2}, {0, 3}, {0, 3}, {1, 2}]
    assert Torus(6).adj_list[0] == {1, 2, 3}  # 0 1 2 / 3 4 5
    assert Torus(9).adj_list[4] == {1, 3, 5, 7}
    assert Torus(6, rows=1).adj_list == [{1, 5}, {0, 2}, {1, 3}, {2, 4}, {3, 5}, {4, 0}]
    assert BinaryTree(1).adj_list == [set()]
    assert BinaryTree(5).adj_list == [{1, 2}, {0, 3, 4}, {0}, {1}, {1}]
    assert Bipartite(4, 2).adj_list == [{2, 3}, {2, 3}, {0, 1}, {0, 1}]
    double = DoubleBinaryTree(4)  # 3 - 1 - 0 - 2 and 0 - 2 - 3 - 1
    assert double.trees[0].adj_list == [{1, 2}, {0, 3}, {0}, {1}]
    assert double.trees[1].adj_list == [{2}, {3}, {0, 3}, {1, 2}]
    assert double.adj_list == [{1, 2}, {0, 3}, {0, 3}, {1, 2}]


def test_who_is_within_a_radius_by_hand():
    """The distances are 0.42 from 0 to 1, 0.46 from 0 to 2, and 0.16 from 1 to 2."""
    places = np.array([[0.321, 0.944], [0.694, 0.751], [0.627, 0.605]])
    drawn = stream(Purpose.PLACES, 5).random((3, 2))
    assert drawn == pytest.approx(places, abs=5e-4)
    assert RandomGeometric(3, radius=0.17, seed=5).adj_list == [set(), {2}, {1}]
    assert RandomGeometric(3, radius=0.44, seed=5).adj_list == [{1}, {0, 2}, {1}]


@given(power=st.integers(0, 6))
def test_a_hypercube_is_that_of_networkx(power):
    ours = Hypercube(2**power).to_networkx()
    assert nx.is_isomorphic(ours, nx.hypercube_graph(power)) or power == 0


@given(rows=st.integers(3, 6), columns=st.integers(3, 6))
def test_a_torus_is_that_of_networkx(rows, columns):
    ours = Torus(rows * columns, rows).to_networkx()
    theirs = nx.grid_2d_graph(rows, columns, periodic=True)
    assert set(dict(ours.degree).values()) == {4}
    assert nx.is_isomorphic(ours, theirs)


@given(nodes=st.integers(1, 60))
def test_a_binary_tree_is_a_tree_of_degree_three(nodes):
    graph = BinaryTree(nodes)
    assert nx.is_tree(graph.to_networkx())
    assert max(map(len, graph.adj_list)) <= 3


@given(nodes=st.integers(1, 60))
def test_no_node_is_an_inner_node_of_both_binary_trees(nodes):
    graph = DoubleBinaryTree(nodes)
    first, second = (tree.adj_list for tree in graph.trees)
    for uid in range(nodes):
        root = (uid == 0, uid == nodes - 1)
        children = (len(first[uid]) - (not root[0]), len(second[uid]) - (not root[1]))
        assert min(children) == 0
        assert graph.neighbors(uid) == first[uid] | second[uid]
        assert graph.degree(uid) <= 4
    for tree in graph.trees:
        assert nx.is_tree(tree.to_networkx())


@given(half=st.integers(1, 20), seed=SEEDS, data=st.data())
def test_a_bipartite_graph_is_regular_without_edges_within_a_half(half, seed, data):
    degree = data.draw(st.integers(0, half))
    graph = Bipartite(2 * half, degree, seed)
    assert {len(each) for each in graph.adj_list} == {degree}
    for uid in range(2 * half):
        assert all((uid < half) != (other < half) for other in graph.neighbors(uid))


@given(nodes=st.integers(1, 40), seed=SEEDS)
def test_a_larger_radius_only_adds_edges(nodes, seed):
    near, far = (RandomGeometric(nodes, radius, seed) for radius in (0.2, 0.4))
    for few, many in zip(near.adj_list, far.adj_list, strict=True):
        assert few <= many
    assert RandomGeometric(nodes, 1.5, seed).is_connected()


def test_places_depend_on_the_seed_and_the_default_radius_mostly_connects():
    graphs = [RandomGeometric(64, seed=seed) for seed in range(20)]
    assert sum(graph.is_connected() for graph in graphs) >= 18
    assert graphs[0].adj_list == RandomGeometric(64, seed=0).adj_list
    assert graphs[0].adj_list != graphs[1].adj_list


def weights(graph):
    """Return the averaging weights of a directed graph, row by receiver."""
    n = graph.n_procs
    found = np.array([[graph.weight(i, j) or 0.0 for j in range(n)] for i in range(n)])
    return found + np.diag(1 - found.sum(1))


@given(nodes=st.integers(2, 24), seed=SEEDS, data=st.data())
@settings(max_examples=40)
def test_equitopo_is_the_mean_of_its_shifts(nodes, seed, data):
    peers = data.draw(st.integers(1, nodes - 1))
    graph = EquiStatic(nodes, peers, seed)
    expected = np.zeros((nodes, nodes))
    for shift in graph.shifts:
        moved = np.roll(np.eye(nodes), shift, axis=0)  # row i has node i - shift
        expected += ((nodes - 1) / nodes * moved + np.eye(nodes) / nodes) / peers
    assert weights(graph) == pytest.approx(expected)
    assert weights(graph).sum(0) == pytest.approx(np.ones(nodes))


@given(nodes=st.integers(2, 24), seed=SEEDS, data=st.data())
@settings(max_examples=40)
def test_undirected_equitopo_is_the_directed_one_and_its_transpose(nodes, seed, data):
    peers = data.draw(st.integers(1, nodes - 1))
    directed = weights(EquiStatic(nodes, peers, seed))
    graph = UEquiStatic(nodes, peers, seed)
    assert graph.mixing_matrix() == pytest.approx((directed + directed.T) / 2)
    assert weights(graph) == pytest.approx(graph.mixing_matrix())


def test_undirected_equitopo_by_hand():
    """Both shifts of 3 nodes: W is 1 / 3 everywhere; of the shift 2 of 4: 3 / 4 across."""
    assert UEquiStatic(3, 2).mixing_matrix() == pytest.approx(np.full((3, 3), 1 / 3))
    across = next(
        g for seed in range(50) if (g := UEquiStatic(4, 1, seed)).shifts == [2, 2]
    )
    assert across.adj_list == [{2}, {3}, {0}, {1}]
    assert across.weight(0, 2) == 3 / 4


def test_with_all_shifts_one_round_gives_the_mean():
    assert weights(EquiStatic(17, 16)) == pytest.approx(np.full((17, 17), 1 / 17))


def test_a_round_of_equitopo_brings_models_closer_by_the_promised_factor():
    """M = 8 ln(2 n / p) / (3 eps^2) = 60 of 299 for eps = 0.65, p = 0.01."""
    n, eps, p = 300, 0.65, 0.01
    peers = int(np.ceil(8 * np.log(2 * n / p) / (3 * eps**2)))
    factors = [
        np.linalg.norm(weights(EquiStatic(n, peers, seed)) - 1 / n, 2)
        for seed in range(3)
    ]
    assert max(factors) < eps


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Hypercube(6), "6 nodes: expected a power of two"),
        (lambda: Torus(6, 4), "rows = 4: expected one of 1, 2, 3, 6"),
        (lambda: Bipartite(5, 2), "degree = 2 with 5 nodes: expected an even number"),
        (lambda: Bipartite(4, 3), "degree = 3 with 4 nodes"),
        (lambda: EquiStatic(4, 4), "peers = 4 with 4 nodes: expected from 1 to 3"),
        (lambda: UEquiStatic(4, 0), "peers = 0 with 4 nodes: expected from 1 to 3"),
    ],
)
def test_graphs_that_do_not_exist_are_an_error(make, told):
    with pytest.raises(GraphError, match=told):
        make()
