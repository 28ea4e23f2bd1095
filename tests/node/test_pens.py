"""Breaks when nodes of PENS do not find the peers whose data resemble theirs."""

import pytest
import torch
from hypothesis import given, strategies as st

from decentralizepy.datasets.Data import Data
from decentralizepy.graphs.FullyConnected import FullyConnected
from decentralizepy.node.EpidemicLearning.EL_Local import EL_Local
from decentralizepy.node.PENS import PENS, credits
from tests.support.toy import Points


class Opposed(Points):
    """Points whose labels are the other way round for odd uids."""

    def __init__(self, rank, machine_id, mapping, **options):
        super().__init__(rank, machine_id, mapping, **options)
        if self.uid % 2:
            self.trainset = Data(self.trainset.x, 1 - self.trainset.y)


OPPOSED = {"dataset_package": __name__, "dataset_class": "Opposed"}
OPPOSED |= {"model_package": "tests.support.toy"}


def test_nodes_send_to_those_with_the_same_task(run_nodes):
    section = {"graph_degree": 5, "selection_rounds": 4, "top": 1}
    nodes = run_nodes(FullyConnected(6), PENS, 6, DATASET=OPPOSED, NODE=section)
    for uid, node in nodes.items():
        alike = {other for other in range(6) if other % 2 == uid % 2}
        liked = {other for other in range(6) if node.likes(other)}
        assert liked
        assert liked <= alike
        assert node.get_neighbors() <= liked
        assert sum(node.advantage.values()) == pytest.approx(0, abs=1e-9)


def test_by_hand():
    """Of four models, the two with the lowest loss; each had a chance of one half."""
    losses = {3: 0.5, 5: float("nan"), 7: 0.1, 9: 0.9}
    assert credits(losses, 2) == {7: 0.5, 3: 0.5, 9: -0.5, 5: -0.5}
    assert credits({2: 1.0, 1: 1.0}, 1) == {1: 0.5, 2: -0.5}  # a tie


@given(
    losses=st.dictionaries(st.integers(0, 99), st.floats(), min_size=1, max_size=9),
    top=st.integers(1, 12),
)
def test_credits_sum_to_zero_and_go_to_the_lowest_losses(losses, top):
    found = credits(losses, top)
    assert found.keys() == losses.keys()
    assert sum(found.values()) == pytest.approx(0, abs=1e-9)
    chosen = [uid for uid in losses if found[uid] >= 0]
    assert len(chosen) == min(top, len(losses))
    for uid in losses.keys() - {*chosen}:
        assert not any(losses[uid] < losses[other] for other in chosen)


def test_if_all_models_are_chosen_it_is_epidemic_learning_to_the_bit(run_nodes):
    graph, section = FullyConnected(4), {"graph_degree": 2, "selection_rounds": 2}
    plain = run_nodes(graph, EL_Local, 4, NODE=section)
    nodes = run_nodes(graph, PENS, 4, NODE={**section, "top": 4})
    for uid, node in nodes.items():
        assert torch.equal(node.sharing.flat.vector(), plain[uid].sharing.flat.vector())
        sent = plain[uid].communication.total_bytes
        assert node.communication.total_bytes == sent
