"""Breaks when push-sum loses mass, or favors those who are heard by many."""

from collections import deque

import numpy as np
import pytest
import torch

from decentralizepy.errors import ConfigError, PeerError
from decentralizepy.graphs.Exponential import Exponential
from decentralizepy.graphs.TimeVarying import Directed
from decentralizepy.sharing.PushSum import PushSum
from tests.support.apart import STILL, Apart, models
from tests.support.rings import Counting, Vector, deliver, make, spread_of, vectors

PUSH_SUM = {
    "SHARING": {
        "sharing_package": "decentralizepy.sharing.PushSum",
        "sharing_class": "PushSum",
    }
}


def chorded_ring(n=5):
    """Return the directed ring with a chord from 0 to 2: no equal weights fit it."""
    receivers = [{(uid + 1) % n} for uid in range(n)]
    receivers[0].add(2)
    return Directed(receivers)


def nodes_on(graph, given):
    nodes = make(PushSum, given)
    for node in nodes:
        node.graph = graph
    return nodes


def push(nodes, rounds=1):
    for _ in range(rounds):
        sent = {node.uid: deliver(node.get_data_to_send()) for node in nodes}
        for node in nodes:
            senders = node.graph.in_neighbors(node.uid)
            node._averaging({uid: deque([sent[uid]]) for uid in senders})


def mass(nodes):
    return sum(node.x for node in nodes).numpy(), sum(node.w for node in nodes)


def test_a_round_by_hand():
    """Node 0 sends to 1 and 2, 1 to 2, 2 to 0: thirds, halves, halves."""
    graph = Directed([{1, 2}, {2}, {0}])
    nodes = nodes_on(graph, [Vector([3]), Vector([6]), Vector([12])])
    message = nodes[0].get_data_to_send()
    assert message["params"].tolist() == [1]
    assert message["push_weight"] == pytest.approx(1 / 3)
    assert message["degree"] == 2
    push(nodes)
    assert [node.x.item() for node in nodes] == [1 + 6, 1 + 3, 1 + 3 + 6]
    assert [node.w for node in nodes] == pytest.approx([5 / 6, 5 / 6, 4 / 3])
    assert vectors(nodes)[:, 0] == pytest.approx([42 / 5, 24 / 5, 30 / 4])


def alone(model, push_weight):
    """Return a node that has ``push_weight`` and hears of nobody."""
    node, *_ = nodes_on(Directed([set()]), [model])
    node.x, node.w = push_weight * node.x, push_weight
    return node


def test_a_step_moves_x():
    """By 1, so that the model moves by 1 / w."""
    node = alone(Vector([4]), 0.5)
    with torch.no_grad():
        node.model.w += 1
    push([node])
    assert node.x.tolist() == [3]
    assert vectors([node]).tolist() == [[6]]


def test_statistics_are_as_training_left_them():
    """Steps of 1 / w would make a variance of 1 - 4 * 0.5."""
    node = alone(torch.nn.BatchNorm1d(1), 0.25)
    node.model.running_var -= 0.5
    push([node])
    assert node.model.running_var.tolist() == [0.5]


@pytest.mark.parametrize("make_graph", [chorded_ring, lambda: Exponential(5)])
def test_the_mass_is_kept_and_nodes_agree_on_the_mean(make_graph):
    nodes = nodes_on(make_graph(), [Counting(seed) for seed in range(5)])
    mean = vectors(nodes).mean(axis=0)
    for _ in range(10):
        push(nodes, 10)
        x, w = mass(nodes)
        assert x == pytest.approx(5 * mean, abs=1e-5)
        assert w == pytest.approx(5)
    assert spread_of(nodes) < 1e-5
    assert vectors(nodes) == pytest.approx(np.tile(mean, (5, 1)), abs=1e-5)


def test_a_message_made_twice_is_the_same():
    """Shares are given away when the round ends, not when they are looked at."""
    node, *_ = nodes_on(chorded_ring(), [Vector([4]) for _ in range(5)])
    first, second = node.get_data_to_send(), node.get_data_to_send()
    assert first["params"].tolist() == second["params"].tolist()
    assert first["push_weight"] == second["push_weight"] == 1 / 3


def test_a_message_stands_for_the_ratio():
    node, *_ = nodes_on(chorded_ring(), [Vector([4]) for _ in range(5)])
    message = node.get_data_to_send()
    assert node.deserialized_model(message)["w"].tolist() == pytest.approx([4])


@pytest.mark.parametrize(
    "change",
    [
        {"push_weight": 0.0},
        {"push_weight": -1.0},
        {"push_weight": float("inf")},
        {"push_weight": float("nan")},
        {"push_weight": "1"},
        {"push_weight": True},
        {"params": np.zeros(2, np.float32)},
        {"params": np.zeros(1, np.float64)},
    ],
)
def test_a_message_that_does_not_fit_names_its_sender(change):
    first, second = make(PushSum, [Vector([1]), Vector([2])])
    first.get_data_to_send()
    message = {**second.get_data_to_send(), **change}
    with pytest.raises(PeerError, match="uid 1 sent a model"):
        first._averaging({1: deque([message])})


def test_there_is_no_server():
    with pytest.raises(ConfigError, match="has no server"):
        make(PushSum, [Vector([1])])[0]._averaging_server({})


@pytest.mark.parametrize("make_graph", [chorded_ring, lambda: Exponential(5)])
def test_a_run_on_a_directed_graph_agrees_on_the_mean(run_nodes, make_graph):
    """Node 0 would wait for the node that it sends to; nodes may be rounds ahead."""
    nodes = run_nodes(make_graph(), Apart, rounds=60, **PUSH_SUM, **STILL)
    assert models(nodes).numpy() == pytest.approx(2, abs=1e-4)
