"""Breaks when a model with its own loss takes other steps than the INI file says."""

from inspect import Parameter
from types import SimpleNamespace

import pytest
import torch

from decentralizepy.config.signatures import Options
from decentralizepy.datasets.Dataset import Dataset
from decentralizepy.datasets.text.LLMData import LLMData
from decentralizepy.mappings.Linear import Linear
from decentralizepy.training.text.LLMTraining import LLMTraining


class Slope(torch.nn.Module):
    """y = w x, in two modes that differ; its loss is the mean of the squares."""

    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.tensor(0.0))
        self.seen = []

    def forward(self, input_ids, attention_mask, labels):
        self.seen.append(input_ids.flatten().tolist())
        output = self.w * input_ids + (not self.training)
        return ((output - labels) ** 2).mean(), output


def make_dataset(samples):
    dataset = Dataset(0, 0, Linear(1, 1))
    x = torch.arange(1, samples + 1)[:, None]
    extra = {
        "attention_mask": torch.ones_like(x),
        "token_type_ids": torch.zeros_like(x),
    }
    dataset.trainset = LLMData({"input_ids": x, **extra}, 2.0 * x)
    return dataset


def make(lr=0.0, **options):
    model = Slope()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    return LLMTraining(0, 0, None, model, optimizer, **options)


def test_one_step_by_hand():
    trainer = make(lr=0.1)
    loss = trainer.trainstep(make_dataset(2).trainset[:])
    assert loss == pytest.approx((4 + 16) / 2)
    assert trainer.model.w.item() == pytest.approx(0.1 * (4 + 16) / 2)


def test_steps_go_on_through_the_partition():
    trainer, dataset = make(rounds=2, batch_size=2), make_dataset(5)
    trainer.train(dataset)
    trainer.train(dataset)
    assert trainer.model.seen == [[1, 2], [3, 4], [5], [1, 2]]


def test_full_epochs():
    trainer = make(rounds=2, full_epochs=True, batch_size=2)
    trainer.train(make_dataset(3))
    assert trainer.model.seen == [[1, 2], [3], [1, 2], [3]]


def test_loss_is_the_mean_over_samples_in_evaluation_mode():
    trainer = make()
    # w = 0: the output is 1 for all; 17 samples are a batch of 16 and one of 1
    expected = sum((1 - 2 * x) ** 2 for x in range(1, 18)) / 17
    assert trainer.eval_loss(make_dataset(17)) == pytest.approx(expected)
    assert trainer.model.training


def test_a_node_passes_loss_and_folder_and_options_by_place():
    model = Slope()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    place = (0, 0, None, model, optimizer, "ignored", "logs")
    trainer = LLMTraining(*place, 3, False, 4, True)
    assert trainer.log_dir == "logs"
    options = SimpleNamespace(rounds=3, full_epochs=False, batch_size=4, shuffle=True)
    assert vars(trainer).items() >= vars(options).items()
    assert make().log_dir == "."


def test_its_options_in_an_ini_file_are_those_of_training():
    options = Options.of(LLMTraining, passed=7)
    assert {"rounds", "full_epochs", "batch_size", "shuffle"} <= options.known.keys()
    assert options.closed
    assert not [
        name
        for name, each in options.known.items()
        if each.default is Parameter.empty or name in ("model", "loss", "log_dir")
    ]
