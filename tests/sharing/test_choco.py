"""Breaks when CHOCO loses what was not sent, moves the mean, or trusts a message."""

from collections import deque

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

from decentralizepy.errors import ConfigError, PeerError
from decentralizepy.sharing.Choco import Choco
from decentralizepy.sharing.difference import DifferenceSharing
from decentralizepy.sharing.sparse import largest, spread
from tests.support.rings import Counting, Vector, make, run, spread_of, vectors

LOSSY = {
    "compress": True,
    "compression_package": "decentralizepy.compression.EliasFpzipLossy",
    "compression_class": "EliasFpzipLossy",
    "float_precision": 12,
}


def pair(alpha=0.5, step_size=0.5, **options):
    models = [Vector([8, -1, 0, 2]), Vector([0, 1, 4, 2])]
    return make(Choco, models, alpha=alpha, step_size=step_size, **options)


def test_two_rounds_by_hand():
    nodes = pair()
    message = nodes[0].get_data_to_send()
    assert message["indices"].dtype == np.int32
    assert (message["indices"].tolist(), message["params"].tolist()) == ([0, 3], [8, 2])
    run(nodes)  # both weights are 1/2: s - x_hat is half the difference of the copies
    assert vectors(nodes).tolist() == [[6, -1, 1, 2], [2, 1, 3, 2]]
    # the copies are [8, 0, 0, 2] and [0, 0, 4, 2]
    assert nodes[0].get_data_to_send()["indices"].tolist() == [0, 1]
    assert nodes[1].get_data_to_send()["params"].tolist() == [2, 1]
    run(nodes)  # the copies are [6, -1, 0, 2] and [2, 1, 4, 2]
    assert vectors(nodes).tolist() == [[5, -0.5, 2, 2], [3, 0.5, 2, 2]]


@pytest.mark.parametrize("options", [{}, LOSSY], ids=["exact", "lossy"])
def test_a_ring_agrees_on_the_mean(options):
    models = [Counting(seed) for seed in range(8)]
    nodes = make(Choco, models, alpha=0.3, step_size=0.3, **options)
    mean = vectors(nodes).mean(axis=0)
    run(nodes, 300)
    assert spread_of(nodes) < 1e-5
    assert vectors(nodes).mean(axis=0) == pytest.approx(mean, abs=1e-6)


def test_the_mean_does_not_wander_in_many_rounds():
    nodes = pair(alpha=0.25, step_size=0.2)
    run(nodes, 2000)
    assert vectors(nodes).mean(axis=0) == pytest.approx([4, 0, 2, 2], abs=1e-6)


def test_counters_stay_each_node_s_own():
    nodes = make(Choco, [Counting(1, 5), Counting(2, 800)], alpha=1.0, step_size=1.0)
    run(nodes, 3)
    assert [int(node.model.count) for node in nodes] == [5, 800]
    assert torch.allclose(nodes[0].model.w, nodes[1].model.w, atol=1e-6)


def test_one_s_own_copy_is_what_the_neighbors_read():
    nodes = pair(alpha=1.0, **LOSSY)
    nodes[0].model.w.data[0] = 1 + 2**-10  # more bits than the codec keeps
    message = nodes[0].get_data_to_send()
    read = nodes[1].deserialized_model(message)["q"]
    assert torch.equal(nodes[0].q, read)
    assert read[0] != nodes[0].model.w[0]


def test_at_least_one_entry_travels():
    nodes = pair(alpha=0.01)
    assert len(nodes[0].get_data_to_send()["params"]) == 1


def test_neighbors_that_change_are_refused():
    models = [Vector([uid]) for uid in range(4)]
    nodes = make(Choco, models, alpha=1.0, step_size=0.5)
    messages = [node.get_data_to_send(2) for node in nodes]
    nodes[0]._averaging({1: deque(messages[1:2]), 3: deque(messages[3:])})
    with pytest.raises(ConfigError, match="Choco: needs the same neighbors") as caught:
        nodes[0]._averaging({1: deque(messages[1:2]), 2: deque(messages[2:3])})
    assert "\n" not in str(caught.value)


def test_degrees_that_change_are_refused():
    first, second = pair()
    for degree in (1, 2):
        message = second.get_data_to_send(degree)
        if degree == 1:
            first._averaging({1: deque([message])})
    with pytest.raises(ConfigError, match=r"\{1: 1\}, and \{1: 2\} in round 2"):
        first._averaging({1: deque([message])})


@pytest.mark.parametrize(
    ("indices", "params"),
    [
        (np.array([0, 4], np.int32), np.ones(2, np.float32)),
        (np.array([-1, 2], np.int32), np.ones(2, np.float32)),
        (np.array([2, 2], np.int32), np.ones(2, np.float32)),
        (np.array([2, 0], np.int32), np.ones(2, np.float32)),
        (np.array([0, 1], np.int32), np.ones(3, np.float32)),
        (np.array([0.0, 1.0]), np.ones(2, np.float32)),
        (np.array([0, 1], np.int32), np.ones(2, np.int64)),
        (np.array([[0, 1]], np.int32), np.ones((1, 2), np.float32)),
        (3, None),
    ],
)
def test_a_message_that_does_not_fit_names_its_sender(indices, params):
    nodes = pair()
    message = {"indices": indices, "params": params, "degree": 1, "iteration": 0}
    with pytest.raises(PeerError, match="uid 1 sent a model"):
        nodes[0]._averaging({1: deque([message])})


def test_there_is_no_server():
    with pytest.raises(ConfigError, match="no server"):
        pair()[0]._averaging_server({})


def test_a_bare_difference_has_no_compression():
    node = make(DifferenceSharing, [Vector([1])], step_size=1.0)[0]
    with pytest.raises(NotImplementedError):
        node.get_data_to_send()


numbers = st.floats(-10, 10, width=32) | st.sampled_from([0.0, 1.0, -1.0])


@given(st.lists(numbers, min_size=1, max_size=30), st.data())
def test_the_largest_are_taken_from_the_front(values, data):
    k = data.draw(st.integers(0, len(values)))
    ranked = sorted(range(len(values)), key=lambda i: (-abs(values[i]), i))
    chosen = largest(np.array(values, np.float32), k)
    assert chosen.tolist() == sorted(ranked[:k])
    assert chosen.dtype == np.int32


def test_what_is_no_number_is_the_largest():
    vector = np.array([3, np.nan, np.inf, 9], np.float32)
    assert largest(vector, 2).tolist() == [1, 2]


@given(st.sets(st.integers(0, 19)))
def test_what_is_taken_out_comes_back(places):
    vector = np.arange(1, 21, dtype=np.float32)
    indices = np.array(sorted(places), np.int32)
    back = spread(indices, vector[indices], 20)
    assert back.tolist() == [i + 1 if i in places else 0 for i in range(20)]
