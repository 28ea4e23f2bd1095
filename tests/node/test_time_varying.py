"""Breaks when plain D-PSGD on a changing graph waits for the wrong nodes."""

import pytest
import torch

from decentralizepy.graphs.DynamicRegular import DynamicRegular
from decentralizepy.graphs.OnePeerExponential import OnePeerExponential
from decentralizepy.graphs.RandomMatching import RandomMatching
from tests.support.apart import STILL, Apart, models

MODEL_BYTES = 10 * 4
GRAPHS = {
    "one peer": (lambda: OnePeerExponential(8), 1),
    "matching": (lambda: RandomMatching(8), 1),
    "regular": (lambda: DynamicRegular(8, 3), 3),
}


@pytest.mark.parametrize(("make", "degree"), GRAPHS.values(), ids=GRAPHS)
def test_each_round_has_its_own_neighbors(run_nodes, make, degree):
    nodes = run_nodes(make(), rounds=9)
    for node in nodes.values():
        assert node.communication.total_data == 9 * degree * MODEL_BYTES


def test_three_rounds_of_one_peer_are_an_exact_average(run_nodes):
    nodes = run_nodes(OnePeerExponential(8), Apart, rounds=3, **STILL)
    assert torch.equal(models(nodes), torch.full((8, 10), 3.5))  # of 0 to 7
