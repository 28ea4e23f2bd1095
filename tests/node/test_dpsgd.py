"""Breaks when nodes leave lockstep, or write other files than DecentralizePy's."""

import json
from collections import deque

import numpy as np
import pytest
import torch

from decentralizepy.graphs.FullyConnected import FullyConnected
from decentralizepy.graphs.Graph import Graph
from decentralizepy.graphs.Ring import Ring
from decentralizepy.node.DPSGDNode import DPSGDNode
from decentralizepy.results.write import METRICS
from decentralizepy.training.Training import Training


def weights(node):
    return node.sharing.flat.vector()


def test_a_network_learns_and_writes_its_files(run_nodes, tmp_path):
    nodes = run_nodes(Ring(8), rounds=20)
    results = json.loads((tmp_path / "3_results.json").read_text())
    assert set(results) >= set(METRICS)
    assert list(results["train_loss"]) == [str(number) for number in range(1, 21)]
    assert list(results["test_acc"]) == ["10", "20"]
    assert results["test_acc"]["20"] > 80
    assert results["validation_acc"] == {}
    bytes_, meta, data = (
        results[name]["20"]
        for name in ("total_bytes", "total_meta", "total_data_per_n")
    )
    assert bytes_ == meta + data
    assert data == 20 * 2 * 10 * 4  # rounds, neighbors, parameters, bytes
    state = torch.load(tmp_path / "19_weight_3.pt", weights_only=True)
    assert torch.equal(state["fc.bias"], nodes[3].model.fc.bias)


def test_all_nodes_start_from_the_same_model(run_nodes):
    nodes = run_nodes(FullyConnected(3), rounds=1, OPTIMIZER_PARAMS={"lr": 0.0})
    assert torch.equal(weights(nodes[0]), weights(nodes[1]))


def test_fully_connected_nodes_agree_after_each_average(run_nodes):
    nodes = run_nodes(FullyConnected(4))
    for uid in range(1, 4):
        assert torch.allclose(weights(nodes[0]), weights(nodes[uid]), atol=1e-6)


def test_the_same_seed_gives_the_same_bits(run_nodes):
    first = {uid: weights(node) for uid, node in run_nodes(Ring(5)).items()}
    second = run_nodes(Ring(5))
    other = run_nodes(Ring(5), DATASET={"random_seed": 4})
    assert all(torch.equal(first[uid], weights(second[uid])) for uid in range(5))
    assert not torch.equal(first[0], weights(other[0]))


def test_a_node_alone_only_trains(run_nodes):
    assert run_nodes(Graph(1))[0].communication.total_bytes == 0


def test_everybody_has_said_goodbye(run_nodes):
    nodes = run_nodes(Ring(4))
    assert all(node.barrier == set() for node in nodes.values())


def message(iteration):
    return {"iteration": iteration, "params": np.zeros(1, np.float32)}


@pytest.fixture
def waiting():
    """Return a node of round 5 with neighbors 1 and 2."""
    node = DPSGDNode.__new__(DPSGDNode)
    node.iteration, node.my_neighbors = 5, {1, 2}
    node.graph, node.iterations = FullyConnected(3), 10
    return node


def kept(node, uid):
    return [each["iteration"] for each in node.peer_deques[uid]]


def test_models_wait_for_their_round(waiting):
    waiting.file_update(1, message(6))
    assert not waiting.received_from_all()
    waiting.file_update(1, message(5))
    waiting.file_update(2, message(5))
    assert waiting.received_from_all()
    assert kept(waiting, 1) == [5, 6]


def test_a_model_that_nobody_averaged_does_not_block_its_sender(waiting):
    """A peer that was no sender of round 5 is one of round 6: the wait never ended."""
    waiting.file_update(1, message(5))
    waiting.iteration += 1
    waiting.file_update(1, message(6))
    waiting.file_update(2, message(6))
    assert waiting.received_from_all()
    assert kept(waiting, 1) == [6]


def test_a_duplicate_beside_a_neighbor_ahead_is_dropped(waiting):
    for iteration in (5, 6, 5, 6):
        waiting.file_update(1, message(iteration))
    assert kept(waiting, 1) == [5, 6]


@pytest.mark.parametrize("iteration", [4, -1, 7, 2**63])
def test_models_of_the_past_and_of_the_far_future_are_dropped(waiting, iteration):
    waiting.file_update(1, message(iteration))
    assert kept(waiting, 1) == []


def test_gather_returns_the_senders_alone(waiting):
    waiting.peer_deques = {uid: deque([message(5)]) for uid in (1, 2, 3)}
    assert set(waiting.gather({1, 3})) == {1, 3}


def test_the_optimizer_is_renewed_only_if_asked(run_nodes):
    momentum = {"OPTIMIZER_PARAMS": {"momentum": 0.9}}
    fresh = run_nodes(Ring(3), rounds=1, **momentum)[0]
    assert not fresh.trainer.optimizer.state


class Slow(DPSGDNode):
    """Sends to its higher neighbor only, and waits for its lower one."""

    def get_neighbors(self, node=None):
        return {(self.uid + 1) % self.graph.n_procs}

    def get_senders(self, receivers):
        return {(self.uid - 1) % self.graph.n_procs}


def test_a_subclass_overrides_a_step(run_nodes):
    nodes = run_nodes(Ring(4), Slow)
    assert nodes[0].communication.total_data == 3 * 10 * 4


class Scheduled(Training):
    """Lowers its learning rate step by step."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.scheduler = torch.optim.lr_scheduler.StepLR(self.optimizer, 1)


class Renewing(Scheduled):
    def reset_optimizer(self, optimizer):
        super().reset_optimizer(optimizer)
        self.scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)


class Late(Training):
    """Makes its scheduler in its first round."""

    scheduler = None

    def train(self, dataset):
        if self.scheduler is None:
            self.scheduler = self.make()
        super().train(dataset)

    def make(self):
        return torch.optim.lr_scheduler.StepLR(self.optimizer, 1)


class Again(Late):
    """Makes one in each round, for the steps of that round."""

    def train(self, dataset):
        self.scheduler = None
        super().train(dataset)


class Other(Late):
    """Has one for an optimizer of its own."""

    def make(self):
        own = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))])
        return torch.optim.lr_scheduler.StepLR(own, 1)


@pytest.mark.parametrize(
    ("trainer", "reset", "warnings"),
    [
        ("Scheduled", 1, 1),
        ("Scheduled", 0, 0),
        ("Renewing", 1, 0),
        ("Training", 1, 0),
        ("Late", 1, 1),
        ("Late", 0, 0),
        ("Again", 1, 0),
        ("Other", 1, 0),
    ],
)
def test_a_scheduler_without_effect_is_told_once(
    run_nodes, capsys, trainer, reset, warnings
):
    class Node(DPSGDNode):
        def cache_fields(self, *args):
            super().cache_fields(*args[:-1], reset)

    section = {"training_package": __name__, "training_class": trainer}
    run_nodes(Ring(3), Node, 3, TRAIN_PARAMS=section)
    text = f"{trainer}.scheduler has no effect, because the optimizer is"
    assert capsys.readouterr().err.count(text) == warnings
