"""Breaks when the two ends of an edge move apart, or low rank is not low."""

from collections import deque
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from decentralizepy.errors import ConfigError, PeerError
from decentralizepy.graphs.FullyConnected import FullyConnected
from decentralizepy.sharing.PowerGossip import PowerGossip
from decentralizepy.sharing.Sharing import Sharing
from tests.support.rings import Counting, bytes_of, make, run, spread_of, vectors


class Matrix(torch.nn.Module):
    """A model of four numbers."""

    def __init__(self, values):
        super().__init__()
        self.w = torch.nn.Parameter(torch.tensor(values))


def set_basis(nodes, basis):
    """Give the edge between two nodes a basis."""
    for node in nodes:
        node.get_data_to_send()
        node.bases = {1 - node.uid: [torch.tensor(basis)]}


def test_two_rounds_by_hand():
    nodes = make(PowerGossip, [Matrix([[0.0, 0], [0, 0]]), Matrix([[4.0, 0], [0, 2]])])
    set_basis(nodes, [[1.0], [0]])
    assert nodes[1].get_data_to_send()["params"][0].tolist() == [
        4,
        0,
    ]  # the first column
    run(nodes)  # the projection of the gap is [[4, 0], [0, 0]]; weights are 1/2
    assert vectors(nodes).tolist() == [[2, 0, 0, 0], [2, 0, 0, 2]]
    for node in nodes:  # the left basis is the column, made a unit vector
        assert node.bases[1 - node.uid][0].abs().tolist() == [[1], [0]]
    set_basis(nodes, [[0.0], [1]])
    run(nodes)  # on the transposed matrices: the second rows
    assert vectors(nodes).tolist() == [[2, 0, 0, 1], [2, 0, 0, 1]]


@pytest.mark.parametrize("low_rank", [1, 2])
def test_a_ring_agrees_on_the_mean(low_rank):
    models = [Counting(seed, 3) for seed in range(5)]
    nodes = make(PowerGossip, models, low_rank=low_rank)
    mean = vectors(nodes).mean(axis=0)
    run(nodes, 200)
    assert spread_of(nodes) < 1e-4
    assert vectors(nodes).mean(axis=0) == pytest.approx(mean, abs=1e-6)
    assert {int(node.model.count) for node in nodes} == {3}


def test_the_mean_is_kept_through_a_lossy_codec():
    codec = {
        "compress": True,
        "compression_package": "decentralizepy.compression.Quantization",
        "compression_class": "Quantization",
        "float_precision": 100,
    }
    nodes = make(PowerGossip, [Counting(seed) for seed in range(4)], **codec)
    mean = vectors(nodes).mean(axis=0)
    run(nodes, 20)
    assert vectors(nodes).mean(axis=0) == pytest.approx(mean, abs=1e-6)


def test_power_iteration_finds_a_gap_of_low_rank():
    # one round turns the basis to the only direction in which the nodes differ
    u, v = torch.arange(1.0, 7), torch.arange(-2.0, 3)
    nodes = make(PowerGossip, [Counting(1), Counting(1)])
    with torch.no_grad():
        nodes[1].model.w += torch.outer(u, v)
    run(nodes, 3)
    assert spread_of(nodes) < 1e-4


def test_full_rank_is_whole_model_sharing():
    nodes = make(PowerGossip, [Counting(seed) for seed in range(4)], low_rank=5)
    plain = make(Sharing, [Counting(seed) for seed in range(4)])
    run(plain)
    # in even rounds the basis spans all 5 columns
    run(nodes)
    assert vectors(nodes) == pytest.approx(vectors(plain), abs=1e-5)


def test_equal_models_stay_equal_to_the_bit():
    nodes = make(PowerGossip, [Counting(7) for _ in range(4)])
    before = vectors(nodes)
    run(nodes, 4)
    assert (vectors(nodes) == before).all()


def test_a_gap_that_the_basis_misses_is_found_later():
    nodes = make(PowerGossip, [Matrix([[0.0, 0], [0, 0]]), Matrix([[0.0, 2], [0, 0]])])
    set_basis(nodes, [[1.0], [0]])
    run(nodes, 12)
    assert spread_of(nodes) < 0.1


def test_both_ends_hold_the_same_basis():
    nodes = make(PowerGossip, [Counting(seed) for seed in range(4)], low_rank=2)
    for _ in range(5):
        run(nodes)
        assert torch.equal(nodes[0].bases[3][0], nodes[3].bases[0][0])
        product = nodes[0].bases[3][0].T @ nodes[0].bases[3][0]
        assert torch.allclose(product, torch.eye(2), atol=1e-6)


@pytest.mark.parametrize("odd", [False, True])
def test_a_neighbor_is_sent_a_row_or_column_of_its_own(odd):
    nodes = make(PowerGossip, [Counting(seed, shape=(60, 50)) for seed in range(4)])
    run(nodes, int(odd))
    sent = messages_of(nodes[0])
    assert sent.keys() == {1, 3}
    for uid, message in sent.items():
        assert message["params"][uid].shape == (60 + 1 + (50 if odd else 60),)
        assert bytes_of(message) < 4 * (61 + 60) + 100  # of 12,244


def messages_of(node):
    """Return what a node sends, by receiver."""
    sent = {}
    node.communication = SimpleNamespace(send=sent.__setitem__)
    node.send(sorted(node.graph.neighbors(node.uid)), node.get_data_to_send())
    return sent


def test_a_neighbor_hears_nothing_of_other_edges():
    nodes = make(PowerGossip, [Counting(seed) for seed in range(4)])
    sent = messages_of(nodes[0])
    assert [[*message["params"]] for message in sent.values()] == [[1], [3]]
    assert not np.array_equal(sent[1]["params"][1], sent[3]["params"][3])


@pytest.mark.parametrize("n", [2, 5, 8])
def test_bytes_grow_with_the_degree_not_with_its_square(run_nodes, n):
    """Algorithm 1: 2 biases, and of the 2 x 4 weights 2 or 4 products, to each neighbor."""
    gossip = {
        "sharing_package": "decentralizepy.sharing.PowerGossip",
        "sharing_class": "PowerGossip",
    }
    nodes = run_nodes(FullyConnected(n), rounds=4, SHARING=gossip)
    for node in nodes.values():
        assert node.communication.total_data == 2 * (n - 1) * ((2 + 2) + (2 + 4)) * 4


@pytest.mark.parametrize(
    "change",
    [
        {"params": np.zeros(3, np.float32)},
        {"params": {0: np.zeros(3, np.float32)}},
        {"params": {0: "text"}},
        {"params": {5: np.zeros(17, np.float32)}},
        {"params": 4},
        {"uid": 2},
    ],
)
def test_a_message_that_does_not_fit_names_its_sender(change):
    first, second = make(PowerGossip, [Counting(1), Counting(2)])
    first.get_data_to_send()
    message = {**second.get_data_to_send(), **change}
    with pytest.raises(PeerError, match="uid 1 sent a model"):
        first._averaging({1: deque([message])})


def test_neighbors_that_change_are_refused():
    nodes = make(PowerGossip, [Counting(seed) for seed in range(4)])
    message = nodes[2].get_data_to_send()
    nodes[0].get_data_to_send()
    with pytest.raises(
        ConfigError, match=r"neighbors in every round: \[1, 3\], not \[2"
    ):
        nodes[0]._averaging({2: deque([message])})


def test_no_more_products_than_numbers():
    with pytest.raises(
        ConfigError, match=r"\[SHARING\] low_rank = 99: expected at most"
    ):
        make(PowerGossip, [Counting(0)], low_rank=99)


def test_there_is_no_server():
    with pytest.raises(ConfigError, match="no server"):
        make(PowerGossip, [Counting(0)])[0]._averaging_server({})
