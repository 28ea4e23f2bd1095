"""Breaks when nodes are started with a model or an optimizer that they cannot use."""

import pytest
import torch
from torch import nn

from decentralizepy.errors import ConfigError
from decentralizepy.factory import Part
from decentralizepy.models.Model import Model
from decentralizepy.run.rehearsal import check_model, check_optimizer
from decentralizepy.training.Training import Training


class Extra(nn.Linear):
    def get_extra_state(self):
        return {"calls": 1}


class Rewinding(Model):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def rewind_accumulation(self, indices):
        raise AssertionError


class OwnSteps(Training):
    def trainstep(self, data, target=None):
        return self.optimizer.step(lambda: self.batch_loss(data, target)[0])


class OwnOptimizer(torch.optim.SGD):
    def __init__(self, params):
        raise ValueError("a bug in it")


def optimizer(name, **options):
    return Part(getattr(torch.optim, name), options)


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        (nn.Sequential(nn.LazyLinear(2)), "the shape of 0.weight is unknown"),
        (Extra(2, 2), "_extra_state of its state_dict is not a tensor"),
        (nn.ReLU(), "it has no parameters to train"),
        (Rewinding(), "it overrides rewind_accumulation, which is never called"),
    ],
    ids=["lazy", "extra state", "empty", "never called"],
)
def test_a_model_that_cannot_be_shared_is_refused(model, problem):
    with pytest.raises(
        ConfigError, match=rf"^\[DATASET\] model_class = Net: {problem}"
    ):
        check_model(model, "Net")


@pytest.mark.parametrize(
    "model", [nn.Linear(2, 2), nn.BatchNorm1d(3), nn.Linear(2, 2).requires_grad_(False)]
)
def test_models_of_tensors_are_taken(model):
    check_model(model, "Net")


@pytest.mark.parametrize(
    ("part", "problem"),
    [
        (optimizer("LBFGS"), "its step() needs a closure"),
        (optimizer("SparseAdam"), "the gradient of weight is dense; expected Adam"),
        (optimizer("Muon"), "Muon only supports 2D parameters"),
    ],
    ids=["LBFGS", "SparseAdam", "Muon"],
)
def test_an_optimizer_that_cannot_train_the_model_is_refused(part, problem):
    with pytest.raises(ConfigError) as caught:
        check_optimizer(nn.Linear(2, 2), part, Training)
    name = part.cls.__name__
    start = f"[OPTIMIZER_PARAMS] optimizer_class = {name}: {problem}"
    assert str(caught.value).startswith(start)


@pytest.mark.parametrize(
    ("model", "part", "training"),
    [
        (nn.Linear(2, 2), optimizer("SGD", lr=0.1), Training),
        (nn.Linear(2, 2), optimizer("Adam"), Training),
        (nn.Linear(2, 2, bias=False), optimizer("Muon"), Training),
        (nn.Embedding(4, 2, sparse=True), optimizer("SparseAdam"), Training),
        (nn.Linear(2, 2), optimizer("LBFGS"), OwnSteps),
    ],
    ids=["SGD", "Adam", "Muon", "SparseAdam", "LBFGS"],
)
def test_an_optimizer_that_can_is_taken(model, part, training):
    check_optimizer(model, part, training)


def test_a_bug_in_an_optimizer_of_the_users_keeps_its_traceback():
    check_optimizer(nn.Linear(2, 2), Part(OwnOptimizer, {}), Training)
