"""Breaks when the noise of Zip-DL moves the mean, or a neighbor gets the model without it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from decentralizepy.graphs.FullyConnected import FullyConnected
from decentralizepy.graphs.Graph import Graph
from decentralizepy.node.EpidemicLearning.EL_Local import EL_Local
from decentralizepy.sharing.noisy import zero_sum
from decentralizepy.sharing.Sharing import Sharing
from decentralizepy.sharing.ZipDL import ZipDL
from tests.support.rings import Counting, Vector, exchange, make, vectors

IRREGULAR = [(0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (3, 4), (2, 3)]


def irregular():
    graph = Graph(5)
    graph.add_edges(IRREGULAR)
    return graph


def drawn():
    rng = np.random.default_rng(4)
    return [Vector(rng.normal(size=60)) for _ in range(5)]


def zipped(graph=None, models=None, **options):
    return make(ZipDL, models or drawn(), graph, **options)


def test_three_rows_by_hand():
    """Less their mean, times sqrt(3 / 2); with weights 1 and 2, what is left of (5, 0)."""
    rows = torch.tensor([[3.0], [0.0], [0.0]])
    expected = np.array([[2.0], [-1.0], [-1.0]]) * np.sqrt(1.5)
    assert zero_sum(rows, [0.2] * 3).numpy() == pytest.approx(expected)
    pair = zero_sum(torch.tensor([[5.0], [0.0]]), [0.1, 0.2]).numpy()
    assert pair == pytest.approx(np.array([[4.0], [-2.0]]) * np.sqrt(2))
    assert zero_sum(torch.ones(1, 3), [0.3]).tolist() == [[0.0] * 3]


@given(
    seed=st.integers(0, 10_000),
    weights=st.lists(st.floats(0.05, 1), min_size=2, max_size=6),
)
@settings(max_examples=30)
def test_the_weighted_sum_of_what_is_sent_is_zero(seed, weights):
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(len(weights), 50, generator=generator)
    total = torch.tensor(weights) @ zero_sum(rows, weights)
    assert total.numpy() == pytest.approx(np.zeros(50), abs=1e-5)


@pytest.mark.parametrize("self_noise", [False, True])
def test_neighbors_get_noise_and_the_mean_is_kept(self_noise):
    nodes = zipped(irregular(), noise_std=3.0, self_noise=self_noise)
    start = vectors(nodes)
    received = exchange(nodes)
    assert vectors(nodes).mean(axis=0) == pytest.approx(start.mean(axis=0), abs=1e-5)
    noises = [
        message["params"] - start[sender]
        for box in received.values()
        for sender, message in box.items()
    ]
    assert len({tuple(noise) for noise in noises}) == len(noises) == 2 * len(IRREGULAR)
    assert np.std(noises) == pytest.approx(3.0, rel=0.2)
    plain = make(Sharing, drawn(), irregular())
    exchange(plain)
    assert np.abs(vectors(nodes) - vectors(plain)).max() > 0.1


def test_a_node_keeps_a_share_of_its_noise_only_if_told_to():
    """On an edge, each weighs the other by half: it receives z, and keeps -z."""
    graph = Graph(2)
    graph.add_edges([(0, 1)])
    nodes = zipped(
        graph, [Vector([1.0]), Vector([5.0])], noise_std=1.0, self_noise=True
    )
    sent = exchange(nodes)
    noise = [sent[1][0]["params"].item() - 1, sent[0][1]["params"].item() - 5]
    expected = [3 + (noise[1] - noise[0]) / 2, 3 + (noise[0] - noise[1]) / 2]
    assert vectors(nodes)[:, 0] == pytest.approx(expected, abs=1e-5)
    nodes = zipped(graph, [Vector([1.0]), Vector([5.0])], noise_std=1.0)
    assert exchange(nodes)[1][0]["params"].tolist() == [1.0]


def test_noise_differs_between_rounds():
    nodes = zipped(irregular(), noise_std=1.0)
    before = vectors(nodes)[0]
    first = exchange(nodes)[1][0]["params"] - before
    before = vectors(nodes)[0]
    second = exchange(nodes)[1][0]["params"] - before
    assert np.abs(first - second).max() > 0.1


def test_without_noise_it_is_plain_averaging_to_the_bit():
    plain = make(Sharing, [Counting(seed) for seed in range(5)], irregular())
    nodes = zipped(irregular(), [Counting(seed) for seed in range(5)], self_noise=True)
    for _ in range(3):
        exchange(plain)
        exchange(nodes)
    assert vectors(nodes).tolist() == vectors(plain).tolist()


def test_nodes_of_epidemic_learning_send_with_noise(run_nodes):
    section = {
        "sharing_package": "decentralizepy.sharing.ZipDL",
        "sharing_class": "ZipDL",
    }
    plain, noisy = (
        run_nodes(
            FullyConnected(4),
            node_class=EL_Local,
            SHARING={**section, "noise_std": deviation},
            NODE={"graph_degree": 2},
        )[0]
        for deviation in (0.0, 1.0)
    )
    weights = [node.model.fc.weight.detach() for node in (plain, noisy)]
    assert (weights[0] - weights[1]).abs().max() > 0.05
