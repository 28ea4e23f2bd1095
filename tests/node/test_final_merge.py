"""Breaks when nodes do not all have the mean of their models after the final merge."""

import pytest
import torch

from decentralizepy.graphs.Exponential import Exponential
from decentralizepy.graphs.FullyConnected import FullyConnected
from decentralizepy.graphs.Ring import Ring
from decentralizepy.node.FinalMerge import FinalMerge, OnceComplete
from tests.support.launcher import results

NORMED = {"dataset_package": "tests.support.together", "model_class": "Normed"}


class Watched(FinalMerge):
    """Keeps its model before and after the merge."""

    def exchange(self):
        self.before = self.sharing.flat.vector().clone()
        return super().exchange()


def stacked(nodes, what):
    return torch.stack([what(node) for _, node in sorted(nodes.items())])


@pytest.mark.parametrize(
    "graph", [Ring(5), Exponential(5)], ids=["Ring", "Exponential"]
)
def test_all_nodes_have_the_mean_after_the_merge(run_nodes, graph):
    """On graphs with weights of their own, too, which are not for this round."""
    nodes = run_nodes(graph, Watched, rounds=3, NODE={"merge_at": 0.7})
    assert {node.merge_round for node in nodes.values()} == {2}
    before = stacked(nodes, lambda node: node.before)
    after = stacked(nodes, lambda node: node.sharing.flat.vector())
    assert (before - before.mean(0)).abs().max() > 1e-3
    torch.testing.assert_close(
        after, before.mean(0).expand_as(after), atol=1e-6, rtol=0
    )


def test_the_gain_is_the_merged_accuracy_minus_the_local_one(run_nodes):
    nodes = run_nodes(Ring(4), FinalMerge, rounds=2)
    found = results(run_nodes.folder)
    for uid, node in nodes.items():
        assert found[f"{uid}_results.json"]["merge_gain"] == {"2": node.merge_gain}
        accuracy, _ = node.dataset.test(node.model, node.loss)
        assert 0 <= accuracy - node.merge_gain <= 100  # the local one


@pytest.mark.parametrize(
    ("merge_at", "rounds", "number"), [(0.99, 200, 198), (1.0, 4, 3), (0.0, 4, 0)]
)
def test_the_merge_is_after_that_part_of_the_rounds(merge_at, rounds, number):
    graph = OnceComplete(Ring(5), min(int(merge_at * rounds), rounds - 1))
    sizes = [len(graph.at(each).neighbors(0)) for each in range(rounds)]
    assert [place for place, size in enumerate(sizes) if size == 4] == [number]


def test_on_a_complete_graph_it_is_dpsgd_to_the_bit(run_nodes):
    plain = run_nodes(FullyConnected(3))
    nodes = run_nodes(FullyConnected(3), FinalMerge)
    for uid, node in nodes.items():
        assert torch.equal(node.sharing.flat.vector(), plain[uid].sharing.flat.vector())
        sent = plain[uid].communication.total_bytes
        assert node.communication.total_bytes == sent


def test_statistics_of_batchnorm_are_those_of_the_own_data(run_nodes):
    """Cumulatively over its batches, and not those of earlier models."""
    train = {"rounds": 1, "batch_size": 16}
    nodes = run_nodes(Ring(4), FinalMerge, 2, DATASET=NORMED, TRAIN_PARAMS=train)
    for node in nodes.values():
        own = node.dataset.trainset.x
        mean = node.model.norm.running_mean
        torch.testing.assert_close(mean, own.mean(0), atol=1e-6, rtol=1e-5)
