"""Breaks when nodes are started with a model or an optimizer that they cannot use."""

import pytest
import torch
from torch import nn

from decentralizepy.errors import ConfigError
from decentralizepy.run.rehearsal import check_model, check_optimizer
from decentralizepy.training.Training import Training


class Extra(nn.Linear):
    def get_extra_state(self):
        return {"calls": 1}


class OwnSteps(Training):
    def trainstep(self, data, target=None):
        return self.optimizer.step(lambda: self.batch_loss(data, target)[0])


class OwnOptimizer(torch.optim.SGD):
    def __init__(self, params):
        raise ValueError("a bug in it")


def section(name, package="torch.optim", **options):
    return {"optimizer_package": package, "optimizer_class": name, **options}


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        (nn.Sequential(nn.LazyLinear(2)), "the shape of 0.weight is unknown"),
        (Extra(2, 2), "_extra_state of its state_dict is not a tensor"),
        (nn.ReLU(), "it has no parameters to train"),
    ],
    ids=["lazy", "extra state", "empty"],
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
    ("optimizer", "problem"),
    [
        (section("LBFGS"), "its step() needs a closure"),
        (section("SparseAdam"), "the gradient of weight is dense; expected Adam"),
        (section("Muon"), "Muon only supports 2D parameters"),
    ],
    ids=lambda value: value["optimizer_class"] if isinstance(value, dict) else "",
)
def test_an_optimizer_that_cannot_train_the_model_is_refused(optimizer, problem):
    with pytest.raises(ConfigError) as caught:
        check_optimizer(nn.Linear(2, 2), optimizer, Training)
    name = optimizer["optimizer_class"]
    start = f"[OPTIMIZER_PARAMS] optimizer_class = {name}: {problem}"
    assert str(caught.value).startswith(start)


@pytest.mark.parametrize(
    ("model", "optimizer", "training"),
    [
        (nn.Linear(2, 2), section("SGD", lr=0.1), Training),
        (nn.Linear(2, 2), section("Adam"), Training),
        (nn.Linear(2, 2, bias=False), section("Muon"), Training),
        (nn.Embedding(4, 2, sparse=True), section("SparseAdam"), Training),
        (nn.Linear(2, 2), section("LBFGS"), OwnSteps),
    ],
    ids=["SGD", "Adam", "Muon", "SparseAdam", "LBFGS"],
)
def test_an_optimizer_that_can_is_taken(model, optimizer, training):
    check_optimizer(model, optimizer, training)


def test_a_bug_in_an_optimizer_of_the_users_keeps_its_traceback():
    check_optimizer(nn.Linear(2, 2), section("OwnOptimizer", __name__), Training)
