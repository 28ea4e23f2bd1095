"""Breaks when a token is lost or handed to another node, or all nodes have to train."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import torch

from decentralizepy.errors import ConfigError
from decentralizepy.graphs.FullyConnected import FullyConnected
from decentralizepy.graphs.Ring import Ring
from decentralizepy.node.Teleportation import Teleportation
from tests.support.apart import STILL, Apart, models

MODEL_BYTES = 10 * 4


class ApartTeleportation(Apart, Teleportation):
    """A node all of whose numbers start as its uid, and that keeps whom it sends to."""

    overrides_neighbors = True

    def get_senders(self, receivers):
        return receivers

    def get_neighbors(self, node=None):
        return self.my_neighbors


def sent_by(nodes):
    return sum(node.communication.total_data for node in nodes.values()) // MODEL_BYTES


@pytest.mark.parametrize("active", [1, 2, 3, 5])
def test_tokens_mix_by_their_graph_and_move_between_nodes(run_nodes, active):
    """With W of the tokens, those of round t are W^t times the models of the first."""
    rounds = 4
    section = {"NODE": {"active": active}}
    nodes = run_nodes(FullyConnected(5), ApartTeleportation, rounds, **section, **STILL)
    order = [nodes[0].holders(number) for number in range(rounds)]
    assert all(len(set(each)) == active for each in order)
    weights = np.linalg.matrix_power(Ring(active).mixing_matrix(), rounds)
    found = models(nodes)[order[-1], 0].numpy()
    assert found == pytest.approx(weights @ order[0], abs=1e-5)
    moves = sum(
        before != after
        for token in range(active)
        for before, after in pairwise(each[token] for each in order)
    )
    averaged = sum(map(len, Ring(active).adj_list)) * rounds
    assert sent_by(nodes) == averaged + moves


def test_only_the_holders_train(run_nodes):
    nodes = run_nodes(FullyConnected(5), Teleportation, 6, NODE={"active": 2})
    held = Counter(uid for number in range(6) for uid in nodes[0].holders(number))
    for uid, node in nodes.items():
        assert node.trainer.trainings == held[uid]
        assert node.iteration == 5


def test_who_is_active_is_drawn_uniformly_from_the_seed():
    node = Teleportation.__new__(Teleportation)
    node.graph, node.dataset = FullyConnected(8), None
    node.uid = 0
    node.init_node({"active": 4})
    drawn = [node.holders(number) for number in range(400)]
    counts = Counter(uid for each in drawn for uid in each)
    assert min(counts.values()) > 150  # of 200
    assert drawn[7] == node.holders(7)
    assert len({*map(tuple, drawn)}) > 300


def test_one_token_walks_unchanged_by_hand(run_nodes):
    """Nobody trains or averages: the last holder has the model of the first."""
    section = {"NODE": {"active": 1}}
    nodes = run_nodes(FullyConnected(3), ApartTeleportation, 3, **section, **STILL)
    (first,), (last,) = nodes[0].holders(0), nodes[0].holders(2)
    vector = nodes[last].sharing.flat.vector()
    assert torch.equal(vector, torch.full((10,), float(first)))


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ({"active": 9}, "[NODE] active = 9: expected from 1 to 8, the number of nodes"),
        (
            {"active": 6, "token_graph": "Hypercube"},
            "[NODE] token_graph = Hypercube: 6 nodes: expected a power of two",
        ),
    ],
)
def test_what_cannot_be_is_told_before_the_start(section, told):
    with pytest.raises(ConfigError) as error:
        Teleportation.prepare({"NODE": section}, FullyConnected(8))
    assert str(error.value) == told
    assert "needs FullyConnected" in Teleportation.misfit(Ring(8))
    assert Teleportation.misfit(FullyConnected(8)) == ""
