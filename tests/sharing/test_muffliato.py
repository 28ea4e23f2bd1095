"""Breaks when an update is sent without noise or clipping, or its epsilon is wrong."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from decentralizepy.graphs.FullyConnected import FullyConnected
from decentralizepy.node.EpidemicLearning.EL_Local import EL_Local
from decentralizepy.privacy.network import epsilon, muffliato
from decentralizepy.sharing.Muffliato import Muffliato
from decentralizepy.sharing.Sharing import Sharing
from tests.support.rings import Counting, Vector, exchange, make, make_graph, vectors


def noisy(rows, **options):
    return make(Muffliato, [Vector(row) for row in rows], **options)


def train(nodes, change):
    for node in nodes:
        with torch.no_grad():
            node.model.w += torch.tensor(change)


def test_a_clipped_update_by_hand():
    """Of (3, 4), which is 5 long, 2 remain: (1.2, 1.6)."""
    nodes = noisy([[1.0, 1.0]] * 5, max_update_norm=2.0)
    train(nodes, [3.0, 4.0])
    sent = exchange(nodes)[1][0]["params"]
    assert sent == pytest.approx(np.array([2.2, 2.6]))
    assert vectors(nodes) == pytest.approx(np.array([[2.2, 2.6]] * 5))


@given(change=st.lists(st.floats(-100, 100), min_size=3, max_size=3))
@settings(max_examples=20)
def test_no_update_is_longer_than_the_bound(change):
    nodes = noisy([[0.5, -1.0, 2.0]] * 3, max_update_norm=1.5)
    train(nodes, change)
    sent = exchange(nodes)[1][0]["params"] - np.array([0.5, -1.0, 2.0])
    assert np.linalg.norm(sent) <= 1.5 + 1e-4


def test_noise_is_added_once_and_also_to_what_the_node_keeps():
    """The mean moves by that of all noises, which every neighbor gets alike."""
    nodes = noisy([[0.0] * 400] * 5, noise_std=2.0)
    received = exchange(nodes)
    sent = np.array([received[(uid + 1) % 5][uid]["params"] for uid in range(5)])
    assert (received[4][0]["params"] == sent[0]).all()
    assert sent.std() == pytest.approx(2.0, rel=0.1)
    mixed = make_graph(5).mixing_matrix() @ sent
    assert vectors(nodes) == pytest.approx(mixed, abs=1e-5)


def test_between_updates_nothing_is_learned_and_no_noise_added():
    nodes = noisy([[0.0, 0.0]] * 5, noise_std=1.0, gossip_steps=3)
    exchange(nodes)
    for _ in range(2):
        before = vectors(nodes)
        train(nodes, [7.0, 7.0])
        exchange(nodes)
        mixed = make_graph(5).mixing_matrix() @ before
        assert vectors(nodes) == pytest.approx(mixed, abs=1e-5)
    before = vectors(nodes)
    exchange(nodes)
    assert vectors(nodes).mean(axis=0) != pytest.approx(before.mean(axis=0), abs=1e-3)


def test_with_nothing_to_do_it_is_plain_averaging_to_the_bit():
    plain, nodes = (
        make(kind, [Counting(seed) for seed in range(5)])
        for kind in (Sharing, Muffliato)
    )
    for _ in range(3):
        exchange(plain)
        exchange(nodes)
    assert vectors(nodes).tolist() == vectors(plain).tolist()


def test_a_nodes_epsilon_is_that_of_its_updates():
    options = {"noise_std": 8.0, "max_update_norm": 1.0, "delta": 1e-6}
    nodes = noisy([[0.0]] * 5, **options)
    for _ in range(2):
        exchange(nodes)
    found = nodes[1].privacy_spent()
    assert found["local_epsilon"] == epsilon(2, 2.0, 8.0, 1e-6)
    row = muffliato(make_graph(5).mixing_matrix(), 2)[1]
    mean = sum(epsilon(each, 2.0, 8.0, 1e-6) for each in row) / 4
    assert found["network_epsilon"] == pytest.approx(mean)
    nodes = noisy([[0.0]] * 5, gossip_steps=2, **options)
    for updates in (1, 1, 2):
        exchange(nodes)
        expected = {"local_epsilon": epsilon(updates, 2.0, 8.0, 1e-6)}
        assert nodes[1].privacy_spent() == expected
    assert noisy([[0.0]] * 3, noise_std=1.0)[0].privacy_spent() == {}


def test_nodes_that_meet_others_tell_no_epsilon_of_the_graph(run_nodes):
    """Two of the four neighbors in the graph are drawn in each round."""
    package = "decentralizepy.sharing.Muffliato"
    sharing = {"sharing_package": package, "sharing_class": "Muffliato"}
    sharing |= {"noise_std": 8.0, "max_update_norm": 1.0}
    where = {"node_class": EL_Local, "NODE": {"graph_degree": 2}, "SHARING": sharing}
    for node in run_nodes(FullyConnected(5), rounds=4, **where).values():
        assert node.privacy_spent() == {"local_epsilon": epsilon(4, 2.0, 8.0, 1e-5)}
