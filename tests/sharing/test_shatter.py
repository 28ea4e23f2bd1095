"""Breaks when a receiver of Shatter gets more than a chunk, or chunks are averaged wrongly."""

from collections import deque

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from decentralizepy.errors import PeerError
from decentralizepy.graphs.FullyConnected import FullyConnected
from decentralizepy.sharing.PlainAverageSharing import PlainAverageSharing
from decentralizepy.sharing.Shatter import Shatter
from tests.support.rings import Counting, Vector, exchange, make, vectors


def shattered(rows, **options):
    graph = FullyConnected(len(rows))
    return make(Shatter, [Vector(row) for row in rows], graph, **options)


def test_two_chunks_by_hand():
    """Of a pair with two entries, each tells the other one of them."""
    nodes = shattered([[1.0, 3.0], [5.0, 9.0]], vnodes_per_node=2)
    received = exchange(nodes)
    expected = [[1.0, 3.0], [5.0, 9.0]]
    for uid, other in ((0, 1), (1, 0)):
        chunk = received[uid][other]["chunk"]
        assert received[uid][other]["params"].tolist() == [
            [[1, 3], [5, 9]][other][chunk]
        ]
        expected[uid][chunk] = [3.0, 6.0][chunk]
    assert vectors(nodes).tolist() == expected


@given(
    seed=st.integers(0, 1000),
    nodes=st.integers(2, 6),
    chunks=st.integers(1, 7),
    size=st.integers(7, 20),
)
@settings(max_examples=25, deadline=None)
def test_every_entry_is_the_mean_of_what_was_received(seed, nodes, chunks, size):
    start = np.random.default_rng(seed).normal(size=(nodes, size)).astype(np.float32)
    group = shattered(start, vnodes_per_node=chunks)
    received = exchange(group)
    bounds = [chunk * size // chunks for chunk in range(chunks + 1)]
    for uid, box in received.items():
        total, count = start[uid].astype(float), np.ones(size)
        for sender, message in box.items():
            part = slice(*bounds[message["chunk"] :][:2])
            assert (message["params"] == start[sender][part]).all()
            total[part] += start[sender][part]
            count[part] += 1
        assert vectors(group)[uid] == pytest.approx(total / count, abs=1e-5)
    for sender in range(nodes):
        sent = [box[sender]["chunk"] for box in received.values() if sender in box]
        assert len({*sent}) == min(chunks, nodes - 1)


def test_receivers_get_other_chunks_in_other_rounds():
    nodes = shattered([[0.0] * 8] * 3, vnodes_per_node=8)
    seen = {exchange(nodes)[1][0]["chunk"] for _ in range(30)}
    assert len(seen) > 5


def test_one_chunk_is_plain_averaging_to_the_bit():
    plain, nodes = (
        make(kind, [Counting(seed) for seed in range(5)], **options)
        for kind, options in (
            (PlainAverageSharing, {}),
            (Shatter, {"vnodes_per_node": 1}),
        )
    )
    for _ in range(3):
        exchange(plain)
        exchange(nodes)
    assert vectors(nodes).tolist() == vectors(plain).tolist()


def test_a_lost_peers_weight_goes_to_the_node():
    """Its message is replaced by the node's own, of the whole model."""
    first, second, _ = shattered(
        [[0.0, 0.0], [6.0, 6.0], [0.0, 0.0]], vnodes_per_node=2
    )
    exchange([first, second, _], lost=[(0, 1), (2, 1)])
    assert vectors([second]).tolist() == [[6.0, 6.0]]
    own = first.get_data_to_send(2)
    late = {**own, "params": own["params"][:1] + 3, "chunk": 0}
    before = vectors([first])[0]
    first._averaging({1: deque([late]), 2: deque([own])})
    assert vectors([first])[0] == pytest.approx([before[0] + 1, before[1]])


@pytest.mark.parametrize("chunk", [-1, 2, "0"])
def test_a_chunk_that_does_not_exist_is_the_senders_fault(chunk):
    node, *_ = shattered([[0.0, 0.0]] * 2, vnodes_per_node=2)
    message = {**node.get_data_to_send(1), "chunk": chunk}
    with pytest.raises(PeerError, match=r"uid 1 sent .* chunk: .* from 0 to 1"):
        node._averaging({1: deque([message])})
