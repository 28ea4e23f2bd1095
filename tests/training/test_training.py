"""Breaks when training takes other steps than the INI file says."""

import pytest
import torch

from decentralizepy.datasets.Data import Data
from decentralizepy.datasets.Dataset import Dataset
from decentralizepy.errors import DataError
from decentralizepy.mappings.Linear import Linear
from decentralizepy.training.Training import Training


def squared(output, target):
    return ((output - target) ** 2).mean()


class Slope(torch.nn.Module):
    """y = w x, in two modes that differ."""

    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.tensor(0.0))

    def forward(self, x):
        return self.w * x if self.training else self.w * x + 1


def make_dataset(samples):
    dataset = Dataset(0, 0, Linear(1, 1))
    x = torch.arange(1.0, samples + 1)
    dataset.trainset = Data(x, 2 * x)
    return dataset


def make(loss=squared, lr=0.0, **options):
    model = Slope()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    return Training(0, 0, None, model, optimizer, loss, ".", **options)


class Seen(Training):
    """Remembers the data of each step instead of taking it."""

    def trainstep(self, data, target):
        self.seen = [*getattr(self, "seen", []), data.tolist()]
        return 0.0


def see(**options):
    model = Slope()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return Seen(0, 0, None, model, optimizer, squared, ".", **options)


def test_one_step_by_hand():
    trainer = make(lr=0.1)
    loss = trainer.trainstep(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 4.0]))
    assert loss == pytest.approx((4 + 16) / 2)
    assert trainer.model.w.item() == pytest.approx(0.1 * (4 + 16) / 2)


def test_the_defaults_are_one_step_of_one_sample():
    trainer = see()
    trainer.train(make_dataset(3))
    assert trainer.seen == [[1.0]]


def test_steps_go_on_through_the_partition_and_start_again():
    trainer = see(rounds=2, batch_size=2)
    dataset = make_dataset(5)
    for _ in range(3):
        trainer.train(dataset)
    assert trainer.seen == [[1, 2], [3, 4], [5], [1, 2], [3, 4], [5]]


def test_shuffled_steps_use_every_sample_before_one_comes_again():
    trainer = see(rounds=3, shuffle=True)
    dataset = make_dataset(6)
    for _ in range(4):
        trainer.train(dataset)
    seen = [sample for (sample,) in trainer.seen]
    assert sorted(seen[:6]) == sorted(seen[6:]) == [1, 2, 3, 4, 5, 6]
    assert seen[:6] != seen[6:]


def test_full_epochs():
    trainer = see(rounds=2, full_epochs=True, batch_size=2)
    trainer.train(make_dataset(3))
    assert trainer.seen == [[1, 2], [3], [1, 2], [3]]


def test_loss_is_the_mean_over_samples_in_evaluation_mode():
    trainer = make(batch_size=2)
    # w = 0: the output is 1 for all; (1 - 2)^2, (1 - 4)^2, (1 - 6)^2
    assert trainer.eval_loss(make_dataset(3)) == pytest.approx((1 + 9 + 25) / 3)
    assert trainer.model.training


def test_a_partition_without_a_batch_is_an_error_and_not_a_loop():
    class Empty:
        def get_trainset(self, batch_size=1, shuffle=False):
            return []

    with pytest.raises(DataError, match="does not fill one batch"):
        see(batch_size=4).train(Empty())


def test_a_new_optimizer_is_used():
    trainer = make()
    trainer.reset_optimizer(torch.optim.SGD(trainer.model.parameters(), lr=0.1))
    trainer.trainstep(torch.tensor([1.0]), torch.tensor([2.0]))
    assert trainer.model.w.item() == pytest.approx(0.4)
