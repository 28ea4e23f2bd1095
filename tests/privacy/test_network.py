"""Breaks when the accounting of network privacy differs from its definition."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from decentralizepy.graphs.FullyConnected import FullyConnected
from decentralizepy.graphs.Graph import Graph
from decentralizepy.graphs.Regular import Regular
from decentralizepy.graphs.Ring import Ring
from decentralizepy.privacy.network import epsilon, gaussian, muffliato, spent


def path(n):
    graph = Graph(n)
    graph.add_edges((uid, uid + 1) for uid in range(n - 1))
    return graph


def star(n):
    graph = Graph(n)
    graph.add_edges((0, uid) for uid in range(1, n))
    return graph


GRAPHS = st.one_of(
    st.integers(3, 7).map(Ring),
    st.integers(3, 7).map(path),
    st.integers(3, 7).map(star),
    st.integers(1, 4).map(lambda seed: Regular(6, 3, seed)),
)


def brute(w, updates):
    """Return the sums of the definition, term by term."""
    n = len(w)
    found = np.zeros((n, n))
    for u in range(n):
        for v in set(range(n)) - {u}:
            for t in range(1, updates + 1):
                for j in range(t, updates + 1):
                    power = np.linalg.matrix_power(w, j - t)
                    for near in range(n):
                        if near != v and w[near, v] > 0:
                            column = power[:, near]
                            found[u, v] += column[u] / (column @ column)
    return np.minimum(found, updates)


@given(graph=GRAPHS, updates=st.integers(1, 4))
@settings(max_examples=12)
def test_the_bound_is_the_sum_of_its_definition_up_to_t(graph, updates):
    w = graph.mixing_matrix()
    assert muffliato(w, updates) == pytest.approx(brute(w, updates), abs=1e-9)
    assert muffliato(w, updates, [1])[0] == pytest.approx(brute(w, updates)[1])


@given(graph=GRAPHS, updates=st.integers(1, 5))
@settings(max_examples=12)
def test_what_is_received_together_tells_no_more_than_the_bound(graph, updates):
    w = graph.mixing_matrix()
    together = gaussian(w, updates)
    assert (together <= muffliato(w, updates) + 1e-7).all()
    assert (together.diagonal() == 0).all()


def test_by_hand_on_a_ring_of_five():
    """Round 2 brings (x0 + x1 + x2) / 3 from node 1, and 0 knows its own part."""
    w = Ring(5).mixing_matrix()
    assert muffliato(w, 1)[1].tolist() == pytest.approx([1, 0, 1, 0, 0], abs=1e-9)
    assert muffliato(w, 2)[2, 0] == pytest.approx(1)
    assert gaussian(w, 1)[2, 0] == 0
    # node 0 receives z1 and z4 in round 1; then (z1 + z2) / 3 + z1', (z3 + z4) / 3 + z4'
    assert gaussian(w, 2)[2, 0] == pytest.approx(1 / 9 / (1 + 1 / 9))


def test_several_averages_of_one_noise_give_a_neighbors_neighbor_away():
    """Of the two models in the second message, the first is known."""
    w = path(4).mixing_matrix()
    assert gaussian(w, 1, gossip_steps=1)[2, 0] == 0
    assert gaussian(w, 1, gossip_steps=2)[2, 0] == pytest.approx(1)


def test_all_nodes_learn_all_on_a_complete_graph():
    w = FullyConnected(4).mixing_matrix()
    off = ~np.eye(4, dtype=bool)
    assert (muffliato(w, 3)[off] == 3).all()
    assert gaussian(w, 3)[off] == pytest.approx(3)


def test_an_epsilon_by_hand():
    """rho = 8 / (2 * 16) = 1/4, and ln(1 / delta) = 4."""
    delta = np.exp(-4)
    assert epsilon(2, sensitivity=2, noise_std=4, delta=delta) == pytest.approx(2.25)
    assert epsilon(0, 2, 0, delta) == 0
    assert epsilon(1, 2, 0, delta) == np.inf


def test_a_node_tells_its_worst_and_its_mean_epsilon():
    found = spent(Ring(5), 2, 1, 2.0, 4.0, 1e-5)
    one = epsilon(1, 2.0, 4.0, 1e-5)
    assert found["local_epsilon"] == one
    assert found["network_epsilon"] == pytest.approx(one / 2)  # two of four


def test_weights_that_are_not_symmetric_are_refused():
    with pytest.raises(ValueError, match="not symmetric"):
        muffliato(np.array([[0.5, 0.5], [0.2, 0.8]]), 1)
