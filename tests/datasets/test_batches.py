"""Batches: every sample once a pass, in an order that its generator decides."""

import pytest
import torch

from decentralizepy.datasets.batches import Batches
from decentralizepy.datasets.Data import Data
from decentralizepy.errors import ConfigError

TEN = Data(torch.arange(10), torch.arange(10) + 100)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def samples(batches):
    return [x.tolist() for x, _ in batches]


def test_without_a_generator_the_order_is_that_of_the_data():
    batches = Batches(TEN, 4)
    assert len(batches) == 3
    assert samples(batches) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert samples(batches) == samples(batches), "a second pass differs"


def test_labels_stay_with_their_samples():
    for x, y in Batches(TEN, 3, seeded(1)):
        assert torch.equal(x + 100, y)


def test_each_shuffled_pass_has_every_sample_once_in_a_new_order():
    batches = Batches(TEN, 10, seeded(1))
    first, second = samples(batches)[0], samples(batches)[0]
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second


def test_equal_seeds_give_equal_orders():
    assert samples(Batches(TEN, 3, seeded(5))) == samples(Batches(TEN, 3, seeded(5)))


@pytest.mark.parametrize(
    ("batch_size", "lengths"), [(4, [4, 4]), (5, [5, 5]), (10, [10]), (16, [10])]
)
def test_drop_last_leaves_out_a_short_batch_unless_it_is_the_only_one(
    batch_size, lengths
):
    """A part smaller than a batch gave none at all, and training span for ever."""
    for generator in (None, seeded(1)):
        batches = Batches(TEN, batch_size, generator, drop_last=True)
        assert [len(x) for x in samples(batches)] == lengths
        assert len(batches) == len(lengths)


def test_a_batch_size_below_one_is_refused():
    with pytest.raises(ConfigError, match="batch_size = 0: expected at least 1"):
        Batches(TEN, 0)
