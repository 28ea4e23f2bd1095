"""Breaks when an equal seed no longer gives the parts that upstream gives."""

from itertools import chain

import numpy as np
from hypothesis import assume, given, strategies as st

from decentralizepy.datasets.Partitioner import (
    DataPartitioner,
    DirichletDataPartitioner,
    KShardDataPartitioner,
    SimpleDataPartitioner,
)
from tests.support import as_described
from tests.support.labelled import Labelled, equal_sizes, places

SEEDS = st.integers(0, 2**31)
LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=12)


def fractions(lengths):
    return [length / sum(lengths) for length in lengths]


def test_the_description_loses_what_upstream_was_seen_to_lose():
    """Of 50,000 images one is lost over 12 nodes; over 27, part 0 is short as well."""
    lengths = as_described.lengths(50_000, equal_sizes(50_000, 12))
    assert lengths == [4166] * 11 + [4173]
    assert 11 * 4166 + 4174 == 50_000
    assert as_described.lengths(50_000, equal_sizes(50_000, 27))[0] == 1850
    assert 50_000 // 27 == 1851


@given(LENGTHS, SEEDS)
def test_shuffled_and_simple_parts_are_those_described(lengths, seed):
    count, sizes = sum(lengths), fractions(lengths)
    assume(as_described.loses_nothing(count, sizes))
    data = range(count)
    assert places(SimpleDataPartitioner(data, sizes)) == as_described.simple(
        count, sizes
    )
    made = places(DataPartitioner(data, sizes, seed))
    assert made == as_described.shuffled(count, sizes, seed)


@given(count=st.integers(1, 400), parts=st.integers(1, 20), seed=SEEDS)
def test_where_samples_were_lost_the_order_is_that_described(count, parts, seed):
    """The same samples follow each other; only where parts end is put right."""
    assume(parts <= count)
    sizes = equal_sizes(count, parts)
    for made, described in (
        (SimpleDataPartitioner(range(count), sizes), as_described.simple(count, sizes)),
        (
            DataPartitioner(range(count), sizes, seed),
            as_described.shuffled(count, sizes, seed),
        ),
    ):
        known = list(chain(*described))
        assert list(chain(*places(made)))[: len(known)] == known
        gains = [
            len(part) - len(short)
            for part, short in zip(places(made), described, strict=True)
        ]
        assert set(gains) <= {0, 1}


@given(LENGTHS, st.integers(1, 5), SEEDS)
def test_k_shards_are_those_described(lengths, shards, seed):
    lengths = [length * shards for length in lengths]
    count, sizes = sum(lengths), fractions(lengths)
    assume(as_described.loses_nothing(count, sizes, shards))
    made = KShardDataPartitioner(range(count), sizes, shards, seed)
    assert places(made) == as_described.kshard(count, sizes, shards, seed)


@given(st.integers(20, 200), st.integers(1, 6), st.integers(1, 5), SEEDS)
def test_the_first_shard_begins_as_described_for_any_size(count, parts, shards, seed):
    """Later ones are drawn from what is left, which is less here: nothing is lost."""
    sizes = equal_sizes(count, parts)
    run = as_described.lengths(count, sizes)[0] // shards
    made = places(KShardDataPartitioner(range(count), sizes, shards, seed))[0]
    assert made[:run] == as_described.kshard(count, sizes, shards, seed)[0][:run]


@given(
    st.lists(st.integers(0, 3), min_size=60, max_size=200),
    st.integers(1, 5),
    st.sampled_from([1.0, 10.0, 100.0]),
    SEEDS,
)
def test_dirichlet_parts_are_those_described(targets, nodes, alpha, seed):
    """Also where draws are made again, and where a label has few samples or none."""
    made = DirichletDataPartitioner(Labelled(targets), [1.0] * nodes, seed, alpha, 4)
    assert places(made) == as_described.dirichlet(targets, nodes, seed, alpha, 4)


def test_some_shuffled_parts():
    made = DataPartitioner(range(10), [0.3, 0.5, 0.2])
    assert places(made) == [[2, 8, 3], [5, 6, 4, 9, 0], [1, 7]]


def test_some_of_the_parts_of_16_nodes_for_the_seed_of_the_configurations():
    made = DataPartitioner(range(50_000), equal_sizes(50_000, 16), seed=90)
    ends = {
        0: [47074, 39397, 26351],
        5: [44573, 7453, 23139],
        10: [34200, 18118, 47133],
    }
    assert {node: places(made)[node][:3] for node in ends} == ends
    assert places(made)[15][-3:] == [6074, 46766, 13347]


def test_some_k_shards():
    """In the first, 11 and 0 are one run: at the end it goes on at the front."""
    made = KShardDataPartitioner(range(12), [0.5, 0.5], shards=3, seed=90)
    assert places(made) == [[3, 4, 1, 2, 11, 0], [10, 5, 8, 9, 7, 6]]
    made = KShardDataPartitioner(range(12), [1 / 3] * 3, shards=2)
    assert places(made) == [[7, 8, 1, 2], [0, 3, 4, 5], [6, 9, 10, 11]]


def test_some_dirichlet_parts():
    made = DirichletDataPartitioner(
        Labelled(np.arange(24) % 3), [1, 1, 1], alpha=0.5, num_classes=3
    )
    assert places(made) == [
        [19, 8, 10, 23],
        [7, 22, 11, 2, 4, 13, 20, 1, 14, 16, 5, 17],
        [9, 6, 21, 0, 3, 12, 18, 15],
    ]
    made = DirichletDataPartitioner(Labelled([0] * 8 + [1] * 4), [1, 1], 90, 0.1, 2)
    assert places(made) == [[5, 3, 1], [2, 8, 4, 11, 6, 9, 0, 7, 10]]


def test_some_dirichlet_parts_of_16_nodes():
    targets = np.random.default_rng(0).integers(0, 10, 50_000)
    made = DirichletDataPartitioner(Labelled(targets), [1 / 16] * 16, 90, 0.1)
    assert list(map(len, made.partitions)) == [
        *(3205, 3384, 60, 4650, 556, 3392, 2380, 5949),
        *(2787, 5188, 3069, 4077, 1942, 3292, 2864, 3205),
    ]
    assert [places(made)[node][:2] for node in (0, 5)] == [
        [37364, 47113],
        [15952, 15095],
    ]
