"""Breaks when a partition loses a sample, gives one out twice, or forgets its seed."""

import random
from functools import partial
from itertools import chain

import numpy as np
import pytest
from hypothesis import given, strategies as st

from decentralizepy.datasets.Partitioner import (
    DataPartitioner,
    DirichletDataPartitioner,
    KShardDataPartitioner,
    SimpleDataPartitioner,
)
from decentralizepy.datasets.skewed_partitioners import (
    ClassesDataPartitioner,
    QuantityDataPartitioner,
    ShardsDataPartitioner,
)
from tests.support.labelled import Labelled, equal_sizes, places

LABELS = 4
KINDS = {
    "iid": DataPartitioner,
    "simple": SimpleDataPartitioner,
    "kshard": partial(KShardDataPartitioner, shards=3),
    "shards": partial(ShardsDataPartitioner, shards=3),
    "dirichlet": partial(DirichletDataPartitioner, alpha=5, num_classes=LABELS),
    "quantity": partial(QuantityDataPartitioner, alpha=0.5),
    "classes": partial(ClassesDataPartitioner, classes=2),
}
every_kind = pytest.mark.parametrize("kind", KINDS)
labels = st.builds(
    lambda count, seed: np.random.default_rng(seed).permutation(count) % LABELS,
    st.integers(60, 200),
    st.integers(0, 2**20),
)
nodes = st.integers(1, 7)
seeds = st.integers(0, 2**40)


def made(kind, targets, parts, seed=1234):
    sizes = equal_sizes(len(targets), parts)
    return KINDS[kind](Labelled(targets), sizes, seed=seed)


@every_kind
@given(labels, nodes, seeds)
def test_no_sample_has_two_nodes_and_no_node_has_none(kind, targets, parts, seed):
    given_out = places(made(kind, targets, parts, seed))
    assert len(given_out) == parts
    assert min(map(len, given_out)) >= 1
    everything = list(chain(*given_out))
    assert len(everything) == len(set(everything))


@every_kind
@given(labels, nodes, seeds)
def test_every_sample_has_a_node(kind, targets, parts, seed):
    """Of two labels each, a single node leaves the other two labels to nobody."""
    partition = made(kind, targets, parts, seed)
    held = set(range(LABELS))
    if kind == "classes" and parts * 2 < LABELS:
        held = set(partition.use(0).targets)
        assert len(held) == 2
    expected = [place for place, label in enumerate(targets) if label in held]
    assert sorted(chain(*places(partition))) == expected


@every_kind
@given(labels, nodes, seeds)
def test_only_the_seed_decides(kind, targets, parts, seed):
    """Every node divides for itself, whatever its process drew before."""
    once = places(made(kind, targets, parts, seed))
    random.random()
    np.random.random()
    assert places(made(kind, targets, parts, seed)) == once


@every_kind
@given(labels, nodes, seeds)
def test_other_seeds_make_other_parts(kind, targets, parts, seed):
    """A K-shard start is one of some 20 to 60 places: those of 12 seeds are not equal."""
    several = [places(made(kind, targets, parts, seed + more)) for more in range(12)]
    alike = all(parted == several[0] for parted in several)
    assert alike == (kind == "simple")


@pytest.mark.parametrize("kind", ["dirichlet", "quantity", "classes", "shards"])
def test_a_negative_seed_counts_without_its_sign(kind):
    """As ``random.Random`` takes it; numpy refused it with a traceback."""
    targets = np.arange(80) % LABELS
    assert places(made(kind, targets, 4, -7)) == places(made(kind, targets, 4, 7))
