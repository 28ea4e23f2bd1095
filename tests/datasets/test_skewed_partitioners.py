"""Breaks when nodes are not as unequal, in size or in labels, as was asked for."""

from collections import Counter
from itertools import chain

import numpy as np
import pytest
from hypothesis import given, strategies as st

from decentralizepy.datasets.skewed_partitioners import (
    ClassesDataPartitioner,
    QuantityDataPartitioner,
    ShardsDataPartitioner,
)
from decentralizepy.errors import ConfigError, DataError
from tests.support.labelled import Labelled, places


def of_classes(classes, nodes, labels=10, each=60, seed=1234):
    data = Labelled(np.repeat(np.arange(labels), each))
    return ClassesDataPartitioner(data, [1 / nodes] * nodes, seed, classes)


def label_sets(made):
    return [set(made.use(node).targets) for node in range(len(made.partitions))]


def largest_share(alpha):
    """Return the share of the largest of 10 parts, a mean over 20 seeds."""
    shares = []
    for seed in range(20):
        made = QuantityDataPartitioner(range(1000), [0.1] * 10, seed, alpha)
        shares.append(max(map(len, made.partitions)) / 1000)
    return np.mean(shares)


def test_quantity_skew_grows_as_alpha_falls():
    """From all samples on one node to a tenth on each."""
    shares = [largest_share(alpha) for alpha in (0.01, 0.5, 10, 10_000)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.8
    assert shares[-1] < 0.11


@given(
    st.integers(1, 40),
    st.integers(0, 60),
    st.sampled_from([1e-9, 0.1, 5]),
    st.integers(0),
)
def test_every_node_has_a_sample_even_of_a_tiny_alpha(nodes, more, alpha, seed):
    made = QuantityDataPartitioner(range(nodes + more), [1.0] * nodes, seed, alpha)
    assert min(map(len, made.partitions)) >= 1
    assert sorted(chain(*places(made))) == list(range(nodes + more))


def test_parts_of_unequal_size_have_the_labels_mixed():
    data = Labelled(np.repeat(np.arange(10), 500))
    made = QuantityDataPartitioner(data, [0.25] * 4, alpha=1)
    for node in range(4):
        counts = np.bincount(made.use(node).targets, minlength=10)
        assert np.abs(counts / counts.sum() - 0.1).max() < 0.05


def test_fewer_samples_than_nodes_are_refused():
    with pytest.raises(DataError, match="3 samples are too few for 4 nodes"):
        QuantityDataPartitioner(range(3), [0.25] * 4)


@given(
    classes=st.integers(1, 10),
    nodes=st.integers(1, 40),
    labels=st.integers(1, 10),
    seed=st.integers(0),
)
def test_labels_are_dealt_out_in_equal_numbers(classes, nodes, labels, seed):
    """Exactly k labels a node; no label has two holders more than another."""
    classes = min(classes, labels)
    held = label_sets(of_classes(classes, nodes, labels, seed=seed))
    assert set(map(len, held)) == {classes}
    holders = Counter(chain(*held))
    counts = [holders[label] for label in range(labels)]
    assert max(counts) - min(counts) <= 1
    assert min(counts) >= 1 or nodes * classes < labels


def test_holders_of_a_label_share_it_evenly():
    made = of_classes(classes=3, nodes=7, labels=4, each=31)
    parts = [Counter(made.use(node).targets.tolist()) for node in range(7)]
    for label in range(4):
        counts = [part[label] for part in parts if label in part]
        assert sum(counts) == 31
        assert max(counts) - min(counts) <= 1


def test_all_classes_on_every_node_is_no_skew():
    made = of_classes(classes=10, nodes=4)
    assert [np.bincount(made.use(node).targets).tolist() for node in range(4)] == [
        [15] * 10
    ] * 4


def test_a_part_is_not_sorted_by_label():
    """Unshuffled training takes the first batches: they must not be of one label."""
    targets = of_classes(classes=2, nodes=5).use(0).targets
    assert len(targets) == 120
    assert len(set(targets[:16])) == 2


def test_the_labels_of_nodes_are_drawn():
    """Not 0 and 1 for node 0 always, nor the same pair for its whole life."""
    pairs = {
        frozenset(label_sets(of_classes(2, 5, seed=seed))[0]) for seed in range(20)
    }
    assert len(pairs) > 10


def test_labels_that_the_data_lack_are_dealt_to_nobody():
    """After a validation set was taken, a rare class can be gone."""
    made = ClassesDataPartitioner(Labelled([7, 3] * 10), [0.25] * 4, classes=1)
    assert sorted(map(tuple, label_sets(made))) == [(3,), (3,), (7,), (7,)]


@pytest.mark.parametrize("classes", [-1, 0, 5])
def test_no_node_can_have_so_many_classes(classes):
    message = rf"\[DATASET\] classes = {classes}: expected 1 to 4"
    with pytest.raises(ConfigError, match=message):
        of_classes(classes, nodes=2, labels=4)


def test_a_label_with_fewer_samples_than_holders_is_named():
    data = Labelled([0] * 9 + [1] * 2)
    with pytest.raises(
        DataError, match=r"2 samples of class 1 .* the 3 nodes that hold"
    ):
        ClassesDataPartitioner(data, [1 / 3] * 3, classes=2)


def test_equal_seeds_make_the_parts_of_earlier_releases():
    made = QuantityDataPartitioner(range(12), [1 / 3] * 3, seed=90, alpha=0.5)
    assert places(made) == [[6], [1, 7, 5, 2], [3, 4, 9, 11, 0, 10, 8]]
    data = Labelled(np.arange(12) % 3)
    made = ClassesDataPartitioner(data, [0.5, 0.5], seed=90)
    assert places(made) == [[5, 6, 3, 9, 0, 2], [11, 7, 10, 1, 8, 4]]


def test_shards_are_equal_pieces_of_the_data_sorted_by_label():
    """Labels 1 0 1 0 2 0: places sorted by label are 1 3 5, 0 2, 4; cut into 3 pairs."""
    data = Labelled([1, 0, 1, 0, 2, 0])
    made = ShardsDataPartitioner(data, [1 / 3] * 3, seed=5, shards=1)
    parts = sorted(sorted(part) for part in places(made))
    assert parts == [[0, 5], [1, 3], [2, 4]]


def test_a_node_gets_as_many_pieces_as_asked_for():
    """Pieces of the length of a label: a node has exactly 2 labels, or one twice."""
    data = Labelled(np.tile(np.arange(10), 40))
    made = ShardsDataPartitioner(data, [1 / 20] * 20, seed=1, shards=2)
    assert [len(part) for part in made.partitions] == [20] * 20
    held = label_sets(made)
    assert {len(labels) for labels in held} <= {1, 2}
    assert set().union(*held) == set(range(10))


def test_labels_of_a_node_do_not_depend_on_its_number():
    """By the rule of ``kshard`` they rise from about 2.5 to about 5 of 10."""
    data = Labelled(np.repeat(np.arange(10), 144))
    counts = np.zeros(16)
    for seed in range(40):
        counts += list(map(len, label_sets(shards(data, 16, seed))))
    assert np.abs(counts / 40 - counts.mean() / 40).max() < 0.4


def shards(data, nodes, seed):
    return ShardsDataPartitioner(data, [1 / nodes] * nodes, seed, shards=2)


@given(
    st.lists(st.integers(0, 5), min_size=36, max_size=300),
    st.integers(1, 9),
    st.integers(1, 4),
    st.integers(0, 2**40),
)
def test_shards_cover_the_data_in_runs(targets, nodes, each, seed):
    """Breaks when a sample is lost or given twice, or a node's part is no pieces."""
    data, sizes = Labelled(targets), [1 / nodes] * nodes
    made = ShardsDataPartitioner(data, sizes, seed, each)
    assert sorted(chain(*places(made))) == list(range(len(targets)))
    order = np.argsort(targets, kind="stable")
    rank = np.argsort(order)  # of each place, among the sorted
    pieces = np.array_split(np.arange(len(targets)), nodes * each)
    piece_of = np.repeat(np.arange(len(pieces)), list(map(len, pieces)))
    for part in made.partitions:
        own = np.unique(piece_of[rank[part]])
        assert len(own) == each
        assert len(part) == sum(len(pieces[piece]) for piece in own)
        borders = sum(len(set(np.sort(targets)[pieces[piece]])) for piece in own)
        assert len(set(np.array(targets)[part])) <= borders


def test_more_shards_than_samples_are_refused():
    with pytest.raises(DataError, match="7 samples are too few for 4 nodes with 2"):
        ShardsDataPartitioner(Labelled([0] * 7), [0.25] * 4, shards=2)
