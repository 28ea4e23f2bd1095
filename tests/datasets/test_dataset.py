"""Dataset: places and flags, shares, measures, and what foreign subclasses do."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, strategies as st
from torch.utils.data import DataLoader, TensorDataset

from decentralizepy.datasets.Data import Data
from decentralizepy.datasets.Dataset import Dataset
from decentralizepy.datasets.Partitioner import cuts
from decentralizepy.errors import ConfigError, DataError
from decentralizepy.mappings.Linear import Linear
from decentralizepy.mappings.Manual import Manual

TWO_BY_TWO = Linear(2, 2, current_machine=1)


class Numbers(Dataset):
    """Twelve logits whose arg max is right for the first nine."""

    num_classes = 3

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        x = torch.eye(3).repeat(4, 1) * torch.arange(1.0, 13)[:, None]
        y = torch.arange(12) % 3
        y[9:] = (y[9:] + 1) % 3
        self.trainset = self.testset = self.validationset = Data(x, y)


def numbers(**options):
    return Numbers(0, 0, Linear(1, 1), **options)


def test_a_node_knows_its_part():
    dataset = Dataset(1, 1, TWO_BY_TWO)
    assert (dataset.uid, dataset.dataset_id, dataset.num_partitions) == (3, 3, 4)


def test_only_local_counts_this_machine_alone():
    dataset = Dataset(1, 1, Manual(2, [4, 3], current_machine=1), only_local=True)
    assert (dataset.uid, dataset.dataset_id, dataset.num_partitions) == (5, 1, 3)


def test_a_service_has_its_rank_as_uid():
    service = Dataset(-1, 0, TWO_BY_TWO)
    assert (service.uid, service.dataset_id, service.num_partitions) == (-1, -1, 4)


def test_folders_and_both_validation_keys_set_the_flags():
    plain = Dataset(0, 0, TWO_BY_TWO, validation_source="Test")
    flags = [plain.__training__, plain.__testing__, plain.__validating__]
    assert flags == [False] * 3
    assert plain.train_dir is None
    full = Dataset(
        0,
        0,
        TWO_BY_TWO,
        train_dir="a",
        test_dir="b",
        validation_source="Test",
        validation_size=0.1,
    )
    assert [full.__training__, full.__testing__, full.__validating__] == [True] * 3


def test_what_is_not_there_cannot_be_had():
    dataset = Dataset(-1, 0, TWO_BY_TWO)
    for get, what in [
        (dataset.get_trainset, "training"),
        (dataset.get_testset, "test"),
        (dataset.get_validationset, "validation"),
    ]:
        with pytest.raises(RuntimeError, match=f"node -1 has no {what} set"):
            get()


def test_shares_are_equal_and_the_last_has_the_remainder():
    shares = Dataset(0, 0, TWO_BY_TWO).shares(10)
    assert shares == pytest.approx([0.2, 0.2, 0.2, 0.4])


def lengths(shares, count):
    return [end - start for start, end in pairwise(cuts(shares, count))]


def test_the_remainder_can_be_spread():
    """60,000 samples over 1,024 nodes: 608 nodes with 59, 416 with 58."""
    nodes = Linear(1, 1024)
    usual = lengths(Dataset(0, 0, nodes).shares(60_000), 60_000)
    assert usual == [58] * 1023 + [666]
    spread = lengths(Dataset(0, 0, nodes, sizes="even").shares(60_000), 60_000)
    assert spread == [59] * 608 + [58] * 416


@given(st.integers(1, 3000), st.integers(0, 100_000))
def test_even_parts_differ_by_one_and_use_everything(parts, more):
    count = parts + more
    spread = lengths(Dataset(0, 0, Linear(1, parts)).shares(count, even=True), count)
    assert sum(spread) == count
    assert max(spread) - min(spread) <= 1


def test_shares_can_be_given():
    sizes = "[1/2] + [1/5]*2 + [0.1]"
    given = Dataset(0, 0, TWO_BY_TWO, sizes=sizes).shares(10)
    assert given == pytest.approx([0.5, 0.2, 0.2, 0.1])


def test_thirds_with_three_digits_are_made_whole():
    sizes = Dataset(0, 0, TWO_BY_TWO, sizes=[0.333, 0.333, 0.333]).sizes
    assert sum(sizes) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(
    "sizes",
    ["[0.5, 0.6]", "[1.5, -0.5]", "half", "__import__('os')", "[]", "1", "[[1]]"],
)
def test_sizes_that_are_no_shares_are_refused(sizes):
    with pytest.raises(ConfigError, match=r"sizes = .*: expected a list of fractions"):
        Dataset(0, 0, TWO_BY_TWO, sizes=sizes)


def test_too_few_sizes_or_samples_are_refused():
    with pytest.raises(DataError, match="sizes: 2 fractions for 4 nodes"):
        Dataset(0, 0, TWO_BY_TWO, sizes="[0.5, 0.5]").shares(10)
    with pytest.raises(DataError, match="3 training samples are too few for 4 nodes"):
        Dataset(0, 0, TWO_BY_TWO).shares(3)


def test_a_test_batch_size_below_one_is_refused():
    with pytest.raises(ConfigError, match="test_batch_size = 0"):
        numbers(test_batch_size=0)


@pytest.mark.parametrize("batch_size", [1, 5, 12, ""])
def test_accuracy_is_in_percent_and_loss_a_mean_over_samples(batch_size):
    """Upstream's mean over batches moved with the batch size."""
    dataset = numbers(test_batch_size=batch_size)
    x, y = dataset.testset.x, dataset.testset.y
    expected = torch.nn.functional.cross_entropy(x, y).item()
    model, loss = torch.nn.Identity(), torch.nn.CrossEntropyLoss()
    assert dataset.test(model, loss) == (75.0, pytest.approx(expected))
    assert dataset.validate(model, loss) == (75.0, pytest.approx(expected))


@pytest.mark.parametrize("training", [True, False])
def test_a_model_is_tested_in_evaluation_mode_and_gets_its_mode_back(training):
    model = torch.nn.BatchNorm1d(3).train(training)
    before = model.running_mean.clone()
    numbers().test(model, torch.nn.CrossEntropyLoss())
    assert model.training is training
    assert torch.equal(model.running_mean, before), "a test moved the statistics"


def test_label_distribution_counts_each_class():
    assert numbers().get_label_distribution() == [4, 4, 4]
    dataset = numbers()
    dataset.num_classes = 5
    assert dataset.get_label_distribution() == [4, 4, 4, 0, 0]


def shuffled(dataset):
    return [x.tolist() for x, _ in dataset.get_trainset(4, shuffle=True)]


def test_each_node_shuffles_in_an_order_of_its_own():
    def node(uid, seed=1):
        return Numbers(uid, 0, Linear(1, 2), random_seed=seed)

    assert shuffled(node(0)) == shuffled(node(0))
    assert shuffled(node(0)) != shuffled(node(1))
    assert shuffled(node(0)) != shuffled(node(0, seed=2))
    again = node(0)
    assert shuffled(again) != shuffled(again), "each epoch has the same order"


def test_shuffling_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    shuffled(numbers())
    assert torch.equal(torch.get_rng_state(), before)


class Foreign(Dataset):
    """As research scripts write one: positional arguments, torch's own loaders."""

    def __init__(
        self,
        rank,
        machine_id,
        mapping,
        random_seed=1234,
        only_local=False,
        train_dir="",
        test_dir="",
        sizes="",
        test_batch_size=4,
    ):
        super().__init__(
            rank,
            machine_id,
            mapping,
            random_seed,
            only_local,
            train_dir,
            test_dir,
            sizes,
            test_batch_size,
        )
        self.num_classes = 3
        self.data = TensorDataset(torch.eye(3), torch.arange(3))

    def get_trainset(self, batch_size=1, shuffle=False):
        return DataLoader(self.data, batch_size=batch_size, shuffle=shuffle)

    def get_testset(self):
        return DataLoader(self.data, batch_size=self.test_batch_size)


def test_a_foreign_data_set_with_torch_loaders_works():
    Foreign.prepare(train_dir="nowhere")
    dataset = Foreign(0, 0, Linear(1, 1))
    accuracy, _ = dataset.test(torch.nn.Identity(), torch.nn.CrossEntropyLoss())
    assert accuracy == 100
    assert dataset.get_label_distribution() == [1, 1, 1]


class Wide(torch.nn.Linear):
    def __init__(self, width, depth=1):
        super().__init__(width, depth)


def test_a_model_whose_constructor_requires_arguments_is_refused():
    dataset = Dataset(0, 0, TWO_BY_TWO)
    with pytest.raises(ConfigError, match=r"= Wide: its constructor requires width; "):
        dataset.make_model(Wide)
    assert isinstance(dataset.make_model(torch.nn.Identity), torch.nn.Identity)


class Five(Dataset):
    num_classes = 2

    def __init__(self, *place, **options):
        super().__init__(*place, **options)
        self.trainset = Data(torch.arange(5.0), torch.tensor([0, 0, 0, 0, 1]))


def test_drop_last_leaves_a_batch_of_one_out_of_training_but_not_of_the_counts():
    dataset = Five(0, 0, TWO_BY_TWO, drop_last=True)
    for shuffle in (False, True):
        batches = dataset.get_trainset(4, shuffle)
        assert [len(y) for _, y in batches] == [4]
    assert dataset.get_label_distribution() == [4, 1]
    kept = Five(0, 0, TWO_BY_TWO).get_trainset(4)
    assert [len(y) for _, y in kept] == [4, 1]


def samples_of(dataset):
    """Return the largest logit of each sample, which numbers them from 1."""
    return [int(row.max()) for x, _ in dataset.get_testset() for row in x]


def test_all_nodes_test_on_the_same_samples_in_order():
    """Seven of twelve, the same in every test; of two seeds not the same."""
    mapping = Linear(1, 2)
    one, other = (Numbers(uid, 0, mapping, test_samples=7) for uid in (0, 1))
    samples = samples_of(one)
    assert samples == samples_of(one) == samples_of(other) == sorted(set(samples))
    assert len(samples) == 7
    assert samples != samples_of(numbers(test_samples=7, random_seed=3))


@pytest.mark.parametrize("count", [0, 12, 100])
def test_without_a_sample_all_are_tested(count):
    assert samples_of(numbers(test_samples=count)) == [*range(1, 13)]


def test_accuracy_is_that_of_the_sample():
    """The last three of twelve are wrong."""
    dataset = numbers(test_samples=5)
    right = sum(number <= 9 for number in samples_of(dataset))
    model, loss = torch.nn.Identity(), torch.nn.CrossEntropyLoss()
    assert dataset.test(model, loss)[0] == pytest.approx(100 * right / 5)
    assert dataset.validate(model, loss)[0] == 75


def test_a_class_with_its_own_test_batches_cannot_be_sampled():
    class Own(Numbers):
        def get_testset(self):
            return []

    with pytest.raises(
        ConfigError, match=r"\[DATASET\] test_samples = 5: expected 0, as Own has"
    ):
        Own(0, 0, TWO_BY_TWO, test_samples=5)
    with pytest.raises(ConfigError, match=r"test_samples = -1: expected 0 or more"):
        numbers(test_samples=-1)
