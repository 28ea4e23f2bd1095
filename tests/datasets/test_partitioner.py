"""Breaks when a part is not what its partitioner says: shuffled, in order, skewed."""

import random
from collections import Counter
from itertools import chain

import numpy as np
import pytest
from hypothesis import given, strategies as st
from torch.utils.data import Subset

from decentralizepy.datasets.Partitioner import (
    DataPartitioner,
    DirichletDataPartitioner,
    KShardDataPartitioner,
    Partition,
    SimpleDataPartitioner,
    cuts,
)
from decentralizepy.errors import DataError
from tests.support.labelled import Labelled, equal_sizes, places

PARTITIONERS = [DataPartitioner, SimpleDataPartitioner, KShardDataPartitioner]


def assert_complete(partitioner, count):
    assert sorted(chain(*places(partitioner))) == list(range(count))


def test_a_partition_is_a_view():
    part = Partition(["a", "b", "c", "d"], [3, 1])
    assert len(part) == 2
    assert [part[0], part[1]] == ["d", "b"]


def test_labels_are_found_through_partitions_and_subsets():
    data = Labelled([5, 6, 7, 8])
    assert Partition(Partition(data, [3, 2, 0]), [2, 0]).targets.tolist() == [5, 8]
    assert Partition(Subset(data, [1, 2]), [1]).targets.tolist() == [7]


@pytest.mark.parametrize("partitioner", PARTITIONERS)
@given(count=st.integers(1, 300), parts=st.integers(1, 20))
def test_no_sample_is_lost_or_used_twice(partitioner, count, parts):
    """Upstream's ``int(fraction * n)`` lost a sample of 50,000 over 12 nodes."""
    made = partitioner(range(count), equal_sizes(count, parts))
    assert len(made.partitions) == parts
    assert_complete(made, count)


@given(
    st.lists(st.floats(0.01, 1), min_size=1, max_size=20),
    st.integers(0, 10_000),
)
def test_cuts_are_within_one_sample_of_the_fractions(weights, count):
    sizes = [weight / sum(weights) for weight in weights]
    ends = cuts(sizes, count)
    assert ends[0] == 0
    assert ends[-1] == count
    for size, begin, end in zip(sizes, ends, ends[1:], strict=False):
        assert abs((end - begin) - size * count) <= 1.001


def test_sizes_below_one_leave_the_rest_to_nobody():
    assert places(SimpleDataPartitioner(range(10), [0.2, 0.3])) == [[0, 1], [2, 3, 4]]


def test_simple_parts_are_contiguous():
    parts = places(SimpleDataPartitioner(range(10), [0.5, 0.25, 0.25]))
    assert parts == [[0, 1, 2, 3, 4], [5, 6, 7], [8, 9]]


def test_data_partitioner_cuts_the_order_of_random_random():
    order = list(range(12))
    random.Random(7).shuffle(order)
    parts = places(DataPartitioner(range(12), [0.25, 0.75], seed=7))
    assert parts == [order[:3], order[3:]]


@pytest.mark.parametrize("partitioner", [DataPartitioner, KShardDataPartitioner])
def test_the_seed_decides(partitioner):
    def made(seed):
        return places(partitioner(range(100), [0.5, 0.5], seed=seed))

    assert made(1) == made(1) != made(2)


def test_use_is_a_view_of_one_part():
    part = DataPartitioner(list("abcdef"), [0.5, 0.5], seed=3).use(1)
    order = list(range(6))
    random.Random(3).shuffle(order)
    assert [part[i] for i in range(len(part))] == ["abcdef"[i] for i in order[3:]]


@given(count=st.integers(1, 200), parts=st.integers(1, 9), shards=st.integers(1, 30))
def test_k_shards_use_what_no_shard_divides(count, parts, shards):
    made = KShardDataPartitioner(range(count), equal_sizes(count, parts), shards)
    assert_complete(made, count)


def test_k_shards_give_few_labels():
    data = Labelled(np.repeat(np.arange(10), 100))
    made = KShardDataPartitioner(data, [0.05] * 20, shards=2, seed=1)
    labels = [len(set(made.use(node).targets)) for node in range(20)]
    assert labels[0] <= 4, "a run of 25 touches at most two labels"
    assert np.mean(labels) < 4, "later runs close over earlier cuts, and may touch more"


@given(st.integers(0, 50), st.sampled_from([0.3, 1.0, 100.0]))
def test_dirichlet_loses_nothing_and_leaves_nobody_short(seed, alpha):
    targets = np.arange(300) % 3
    made = DirichletDataPartitioner(Labelled(targets), [0.25] * 4, seed, alpha, 3)
    assert_complete(made, 300)
    assert min(map(len, made.partitions)) >= 3


def test_dirichlet_skew_grows_as_alpha_falls():
    targets = np.arange(2000) % 10

    def largest_share(alpha):
        made = DirichletDataPartitioner(Labelled(targets), [0.1] * 10, 1, alpha)
        parts = [made.use(node).targets.tolist() for node in range(10)]
        return np.mean([max(Counter(part).values()) / len(part) for part in parts])

    assert largest_share(0.1) > largest_share(1) > largest_share(100)


def test_dirichlet_accepts_a_class_without_samples():
    """Once all samples are dealt, nobody is below the equal share; nothing is left."""
    made = DirichletDataPartitioner(Labelled([0, 1] * 10), [1.0], num_classes=4)
    assert_complete(made, 20)


def test_dirichlet_refuses_what_cannot_be():
    """Upstream drew for ever."""
    with pytest.raises(DataError, match=r"99 samples over 10 nodes .* than 10 samples"):
        DirichletDataPartitioner(Labelled(np.arange(99) % 10), [0.1] * 10)


def test_dirichlet_gives_up_what_is_next_to_impossible():
    """Half of the samples are of one class, which so small an alpha keeps together."""
    targets = np.repeat(np.arange(10), [55] + [5] * 9)
    with pytest.raises(DataError, match=r"alpha = 0.0001 .* each of 1000 draws"):
        DirichletDataPartitioner(Labelled(targets), [0.1] * 10, alpha=0.0001)
