"""Breaks when nodes draw different graphs, or a sequence does not mix as promised."""

import numpy as np
import pytest

from decentralizepy.graphs.DynamicRegular import DynamicRegular
from decentralizepy.graphs.OnePeerExponential import OnePeerExponential
from decentralizepy.graphs.RandomMatching import RandomMatching
from decentralizepy.graphs.Ring import Ring

SEQUENCES = {
    "one peer": OnePeerExponential,
    "matching": RandomMatching,
    "regular": lambda n: DynamicRegular(n, 4),
}


@pytest.mark.parametrize("make", SEQUENCES.values(), ids=SEQUENCES)
def test_every_node_draws_the_same_and_rounds_differ(make):
    one, other = make(12), make(12)
    rounds = [one.at(iteration).adj_list for iteration in range(30)]
    assert rounds == [other.at(iteration).adj_list for iteration in range(30)]
    assert rounds[0] != rounds[1]
    assert one.at(3).adj_list == rounds[3]  # forgotten, and drawn again


def mixing(graph):
    """Return the matrix of weights 1 / (1 + degree) of a graph of equal degrees."""
    matrix = np.zeros((graph.n_procs, graph.n_procs))
    for uid in range(graph.n_procs):
        senders = graph.in_neighbors(uid)
        for sender in senders:
            matrix[uid, sender] = 1 / (1 + max(len(senders), graph.degree(sender)))
        matrix[uid, uid] = 1 - matrix[uid].sum()
    return matrix


def after(sequence, rounds):
    product = np.eye(sequence.n_procs)
    for iteration in range(rounds):
        product = mixing(sequence.at(iteration)) @ product
    return product


@pytest.mark.parametrize("n", [2, 4, 16])
def test_one_peer_averages_exactly_in_log_n_rounds(n):
    product = after(OnePeerExponential(n), n.bit_length() - 1)
    assert product == pytest.approx(np.full((n, n), 1 / n))


@pytest.mark.parametrize("make", SEQUENCES.values(), ids=SEQUENCES)
@pytest.mark.parametrize("n", [7, 12])
def test_the_mean_is_kept_and_nodes_agree(make, n):
    product = after(make(n), 80)
    assert product.sum(axis=0) == pytest.approx(np.ones(n))
    assert np.abs(product - 1 / n).max() < 1e-3


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_a_matching_has_one_partner_a_node(n):
    degrees = sorted(map(len, RandomMatching(n).at(4).adj_list))
    assert degrees == [0] * (n % 2) + [1] * (n - n % 2)


def test_a_fixed_graph_is_its_own_round():
    ring = Ring(4)
    assert ring.at(9) is ring
    assert ring.in_neighbors(1) == {0, 2}
