"""Breaks when rounding at random has a bias, is too rough, or takes too many bits."""

from collections import deque

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

from decentralizepy.errors import ConfigError, PeerError
from decentralizepy.sharing.QSGD import QSGD, pack, unpack
from tests.support.rings import (
    Counting,
    Vector,
    bytes_of,
    make,
    run,
    spread_of,
    vectors,
)

finite = st.floats(-(2.0**99), 2.0**99, width=32)


def one(size, **options):
    return make(QSGD, [Vector([0] * size)], **options)[0]


def test_levels_are_exact_by_hand():
    node = one(4, bits=3, bucket_size=4)  # s = 3
    message = node.encode(np.array([6, -2, 0, 4], np.float32))
    assert message["norms"].tolist() == [6]
    # the codes are 3 + [3, -1, 0, 2] = 110 010 011 101; the lowest bits come first
    assert message["params"].tolist() == [0b00110000, 0b11100000, 0b10010000]
    assert node.decode(message).tolist() == [6, -2, 0, 4]


def test_one_round_by_hand():
    nodes = make(QSGD, [Vector([7, -7, 0, 3]), Vector([-7, 0, 0, 1])])
    run(nodes)  # whole sevenths of the peak: nothing is rounded; weights and step 1/2
    assert vectors(nodes).tolist() == [[3.5, -5.25, 0, 2.5], [-3.5, -1.75, 0, 1.5]]


def test_the_mean_of_many_roundings_is_the_number():
    node = one(5)
    vector = np.array([1, 0.3, -0.45, 0.01, -0.99], np.float32)
    draws = np.array([node.decode(node.encode(vector)) for _ in range(4000)])
    error = 6 * (1 / 7) / 2 / np.sqrt(4000)  # six standard deviations at most
    assert draws.mean(axis=0) == pytest.approx(vector, abs=error)
    assert draws[:, 1].std() > 0.03  # a coin was tossed


@given(st.lists(finite, min_size=1, max_size=20), st.integers(3, 8))
def test_no_number_moves_a_whole_level(values, bits):
    node = one(len(values), bits=bits, bucket_size=8)
    vector = np.array(values, np.float32)
    decoded = node.decode(node.encode(vector))
    peaks = np.repeat(
        [abs(vector[i : i + 8]).max() for i in range(0, len(values), 8)], 8
    )
    step = peaks[: len(values)].astype(np.float64) / (2 ** (bits - 1) - 1)
    assert (abs(decoded - vector.astype(np.float64)) <= step * (1 + 1e-6)).all()
    assert (decoded[vector == 0] == 0).all()


def test_what_is_left_out_is_less_than_there_was_at_the_worst_numbers():
    # one peak, and all others a quarter of a level: the bound of bucket_size
    node = one(72, bits=3, bucket_size=72)
    vector = np.full(72, 1 / 12, np.float32)
    vector[0] = 1
    lefts = [vector - node.decode(node.encode(vector)) for _ in range(2000)]
    squares = np.square(lefts).sum(axis=1)
    assert 0.9 < squares.mean() / np.square(vector).sum() < 1


def test_four_bits_a_number_and_four_bytes_a_bucket():
    node = make(QSGD, [Counting(0, shape=(100, 80))])[0]
    assert bytes_of(node.get_data_to_send()) < 8101 / 2 + 4 * 32 + 120


def test_draws_are_the_node_s_own_and_come_again():
    def params(uid):
        models = [Vector(np.linspace(0, 1, 50)) for _ in range(2)]
        return make(QSGD, models)[uid].get_data_to_send()["params"].tolist()

    assert params(0) == params(0) != params(1)


@pytest.mark.parametrize("options", [{}, {"bits": 3, "bucket_size": 72}, {"bits": 8}])
def test_a_ring_agrees_on_the_mean(options):
    nodes = make(QSGD, [Counting(seed, 3) for seed in range(6)], **options)
    mean = vectors(nodes).mean(axis=0)
    run(nodes, 200)
    assert spread_of(nodes) < 1e-5
    assert vectors(nodes).mean(axis=0) == pytest.approx(mean, abs=1e-6)
    assert {int(node.model.count) for node in nodes} == {3}


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_arrives_as_none(bad):
    node = one(4, bucket_size=2)
    decoded = node.decode(node.encode(np.array([bad, 1, 2, 0], np.float32)))
    assert not np.isfinite(decoded[0])
    assert decoded[2:].tolist() == [2, 0]


@pytest.mark.parametrize(
    "change",
    [
        {"params": np.zeros(3, np.uint8)},
        {"params": np.full(4, 255, np.uint8)},  # level 15 of 14
        {"norms": np.zeros(2, np.float32)},
        {"norms": np.zeros(1)},
    ],
)
def test_a_message_that_does_not_fit_names_its_sender(change):
    first, second = make(QSGD, [Vector([1, 2, 3, 4]), Vector([0, 0, 0, 0])])
    message = {**second.get_data_to_send(), **change}
    with pytest.raises(PeerError, match="uid 1 sent a model"):
        first._averaging({1: deque([message])})


def test_a_bucket_has_a_limit_that_bits_set():
    with pytest.raises(ConfigError, match=r"bucket_size = 393: expected at most 392"):
        one(1, bucket_size=393)


@given(st.integers(3, 8), st.data())
def test_bits_come_back(bits, data):
    codes = data.draw(st.lists(st.integers(0, 2**bits - 1), max_size=20))
    packed = pack(np.array(codes, np.uint8), bits)
    assert len(packed) == -(-len(codes) // 8) * bits
    assert unpack(packed, bits, len(codes)).tolist() == codes


def test_a_global_seed_changes_nothing():
    before = torch.initial_seed(), np.random.get_state()[1].tolist()
    node = one(4)
    node.get_data_to_send()
    assert (torch.initial_seed(), np.random.get_state()[1].tolist()) == before
