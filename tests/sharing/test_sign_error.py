"""Breaks when signs or scales get lost, or when gossip with them does not agree."""

from collections import deque

import numpy as np
import pytest
from hypothesis import given, strategies as st

from decentralizepy.errors import PeerError
from decentralizepy.sharing.SignError import SignError
from tests.support.rings import (
    Counting,
    Vector,
    bytes_of,
    make,
    run,
    spread_of,
    vectors,
)

finite = st.floats(-1e3, 1e3, width=32)


def test_two_rounds_by_hand():
    nodes = make(SignError, [Vector([4, -2, 0, 2]), Vector([0, 0, 0, -8])])
    message = nodes[0].get_data_to_send()
    assert message["params"].tolist() == [0b1011_0000]
    assert message["scales"].tolist() == [2]
    # the copies are [2, -2, 2, 2] and [2, 2, 2, -2]; weights are 1/2, the step is 1/2
    run(nodes)
    assert vectors(nodes).tolist() == [[4, -1, 0, 1], [0, -1, 0, -7]]
    # left out were [2, 1, -2, -1] and [-2, -3, -2, -5]: the scales are 1.5 and 3
    assert nodes[0].get_data_to_send()["scales"].tolist() == [1.5]
    assert nodes[1].get_data_to_send()["scales"].tolist() == [3]


def test_a_scale_for_each_tensor():
    node = make(SignError, [Counting(0, count=900)])[0]
    scales = node.get_data_to_send()["scales"].tolist()
    of_w, of_b = node.model.w.abs().mean(), node.model.b.abs().mean()
    assert scales == pytest.approx([of_w.item(), of_b.item(), 0])


def test_a_number_takes_a_bit():
    node = make(SignError, [Counting(0, shape=(100, 80))])[0]
    assert bytes_of(node.get_data_to_send()) < 8100 / 8 + 3 * 4 + 120


@given(st.lists(finite, min_size=4, max_size=4))
def test_what_is_left_out_is_never_more_than_there_was(values):
    node = make(SignError, [Vector(values)])[0]
    vector = np.array(values, np.float32)
    left = vector - node.decode(node.encode(vector))
    assert np.linalg.norm(left) <= np.linalg.norm(vector) * (1 + 1e-6)


def test_a_ring_comes_to_agree_on_the_mean():
    nodes = make(SignError, [Counting(seed, seed) for seed in range(6)])
    mean, apart = vectors(nodes).mean(axis=0), spread_of(nodes)
    run(nodes, 300)
    floats = slice(0, -1)
    assert np.ptp(vectors(nodes)[:, floats], axis=0).max() < 0.01 * apart
    assert vectors(nodes).mean(axis=0) == pytest.approx(mean, abs=1e-6)
    assert [int(node.model.count) for node in nodes] == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "change",
    [
        {"params": np.zeros(2, np.uint8)},
        {"params": np.zeros(1, np.int8)},
        {"scales": np.zeros(2, np.float32)},
        {"scales": "scale"},
    ],
)
def test_a_message_that_does_not_fit_names_its_sender(change):
    first, second = make(SignError, [Vector([1, 2, 3, 4]), Vector([0, 0, 0, 0])])
    message = {**second.get_data_to_send(), **change}
    with pytest.raises(PeerError, match="uid 1 sent a model"):
        first._averaging({1: deque([message])})
