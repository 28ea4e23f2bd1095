"""Breaks when Epidemic Learning sends to nodes that it did not draw, or hangs."""

import time
from collections import deque

import numpy as np
import pytest
import torch

from decentralizepy.errors import ConfigError
from decentralizepy.graphs.FullyConnected import FullyConnected
from decentralizepy.graphs.Ring import Ring
from decentralizepy.node.EpidemicLearning import EL_Local_Timeout
from decentralizepy.node.EpidemicLearning.EL_Local import EL_Local
from tests.support.apart import STILL, Apart

MODEL_BYTES = 10 * 4
PLAIN = {
    "SHARING": {
        "sharing_package": "decentralizepy.sharing.PlainAverageSharing",
        "sharing_class": "PlainAverageSharing",
    }
}
DEGREE = {"NODE": {"graph_degree": 3}}


def test_each_node_sends_to_as_many_as_it_is_told(run_nodes):
    nodes = run_nodes(FullyConnected(8), EL_Local, 6, **PLAIN, **DEGREE)
    for node in nodes.values():
        assert node.communication.total_data == 6 * 3 * MODEL_BYTES
        assert not any(node.peer_deques.values())
    for node in nodes.values():
        assert node.sharing.communication_round == 6


def test_the_same_seed_gives_the_same_bits(run_nodes):
    first, second = (
        run_nodes(FullyConnected(6), EL_Local, 5, **PLAIN, **DEGREE) for _ in range(2)
    )
    for uid in range(6):
        left, right = (run[uid].sharing.flat.vector() for run in (first, second))
        assert torch.equal(left, right)


def test_nodes_draw_different_peers(run_nodes):
    nodes = run_nodes(FullyConnected(8), EL_Local, 1, **PLAIN, **DEGREE)
    assert len({tuple(sorted(node.get_neighbors())) for node in nodes.values()}) > 4


class ApartLocal(Apart, EL_Local):
    """A node all of whose numbers start as its uid, and who keeps whom it sends to."""

    def get_neighbors(self):
        self.sent_to = super().get_neighbors()
        return self.sent_to


def test_a_degree_is_how_many_a_node_sends_to(run_nodes):
    """Metropolis-Hastings with s = 3 and h models heard: 1 / (1 + max(h, 3)), not 1 / 8."""
    nodes = run_nodes(FullyConnected(8), ApartLocal, 1, **DEGREE, **STILL)
    for uid, node in nodes.items():
        heard = [each.uid for each in nodes.values() if uid in each.sent_to]
        weight = 1 / (1 + max(len(heard), 3))
        expected = uid + sum(weight * (other - uid) for other in heard)
        numbers = node.sharing.flat.vector()
        assert numbers == pytest.approx(expected, abs=1e-5), heard


def test_a_degree_above_the_graphs_is_found_before_the_start():
    with pytest.raises(ConfigError, match="uid 0 has 2 neighbors to pick from"):
        EL_Local.prepare(DEGREE, Ring(8))


def test_a_round_with_a_deadline_ends_at_it(run_nodes):
    start = time.monotonic()
    timeout = {"NODE": {"graph_degree": 3, "timeout": 0.1}}
    nodes = run_nodes(
        FullyConnected(6), EL_Local_Timeout.EL_Local, 4, **PLAIN, **timeout
    )
    assert time.monotonic() - start >= 4 * 0.1
    for node in nodes.values():
        assert node.iteration == 3
        assert node.sharing.communication_round == 4
        assert node.communication.total_data == 4 * 3 * MODEL_BYTES
        assert all(len(queue) <= 1 for queue in node.peer_deques.values())


def test_the_newest_model_of_a_peer_counts_once():
    node = EL_Local_Timeout.EL_Local.__new__(EL_Local_Timeout.EL_Local)
    for iteration in (3, 9, 7):
        message = {"iteration": iteration, "params": np.zeros(1)}
        node.file_update(1, message)
    assert node.peer_deques == {1: deque([message])}
