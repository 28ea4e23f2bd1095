"""Breaks when nodes are started with a model, optimizer or batch they cannot use."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from decentralizepy.config.checks import Parts
from decentralizepy.datasets.Digits import Digits
from decentralizepy.errors import ConfigError
from decentralizepy.factory import Part
from decentralizepy.mappings.Linear import Linear
from decentralizepy.models.Model import Model
from decentralizepy.runs.rehearsal import (
    check_last_batches,
    check_model,
    check_optimizer,
    rehearse,
)
from decentralizepy.training.Training import Training
from tests.support import toy


class Extra(nn.Linear):
    def get_extra_state(self):
        return {"calls": 1}


class Loaded(Extra):
    def set_extra_state(self, state):
        pass


class Odd(Loaded):
    def get_extra_state(self):
        return {"calls": Loaded}


class Never(nn.Module):
    """Has a lazy module that its forward pass leaves out."""

    def __init__(self):
        super().__init__()
        self.used, self.unused = nn.LazyLinear(2), nn.LazyLinear(2)

    def forward(self, x):
        return self.used(x)


class Rewinding(Model):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def rewind_accumulation(self, indices):
        raise AssertionError


class OwnOptimizer(torch.optim.SGD):
    def __init__(self, params):
        raise ValueError("a bug in it")


def optimizer(name, **options):
    return Part(getattr(torch.optim, name), options)


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        (nn.Sequential(nn.LazyLinear(2)), "the shape of 0.weight is unknown even"),
        (Extra(2, 2), "Extra has get_extra_state, but no set_extra_state"),
        (Odd(2, 2), "_extra_state cannot be saved safely"),
        (nn.ReLU(), "it has no parameters to train"),
        (Rewinding(), "it overrides rewind_accumulation, which is never called"),
    ],
    ids=["lazy", "not loaded", "not saved", "empty", "never called"],
)
def test_a_model_that_cannot_be_shared_is_refused(model, problem):
    with pytest.raises(
        ConfigError, match=rf"^\[DATASET\] model_class = Net: {problem}"
    ):
        check_model(model, "Net")


@pytest.mark.parametrize(
    "model",
    [
        nn.Linear(2, 2),
        nn.BatchNorm1d(3),
        nn.Linear(2, 2).requires_grad_(False),
        Loaded(2, 2),
    ],
)
def test_models_that_nodes_can_share_are_taken(model):
    check_model(model, "Net")


@pytest.mark.parametrize(
    ("part", "problem"),
    [
        (optimizer("SparseAdam"), "the gradient of weight is dense; expected Adam"),
        (optimizer("Muon"), "Muon only supports 2D parameters"),
    ],
    ids=["SparseAdam", "Muon"],
)
def test_an_optimizer_that_cannot_train_the_model_is_refused(part, problem):
    with pytest.raises(ConfigError) as caught:
        check_optimizer(nn.Linear(2, 2), part)
    name = part.cls.__name__
    start = f"[OPTIMIZER_PARAMS] optimizer_class = {name}: {problem}"
    assert str(caught.value).startswith(start)


@pytest.mark.parametrize(
    ("model", "part"),
    [
        (nn.Linear(2, 2), optimizer("SGD", lr=0.1)),
        (nn.Linear(2, 2), optimizer("Adam")),
        (nn.Linear(2, 2, bias=False), optimizer("Muon")),
        (nn.Embedding(4, 2, sparse=True), optimizer("SparseAdam")),
        (nn.Linear(2, 2), optimizer("LBFGS")),
    ],
    ids=["SGD", "Adam", "Muon", "SparseAdam", "LBFGS"],
)
def test_an_optimizer_that_can_is_taken(model, part):
    check_optimizer(model, part)


def test_a_bug_in_an_optimizer_of_the_users_keeps_its_traceback():
    check_optimizer(nn.Linear(2, 2), Part(OwnOptimizer, {}))


class OwnSteps(Training):
    def trainstep(self, data, target=None):
        return 0.0


def experiment_of(dataset_class, model_class=None, training=Training, batch_size=1):
    """Return an experiment of four nodes on one machine, of what a rehearsal reads."""
    sections = {
        "DATASET": Part(dataset_class, {}),
        "OPTIMIZER_PARAMS": optimizer("SGD", lr=0.1),
        "TRAIN_PARAMS": Part(training, {"batch_size": batch_size}),
    }
    return SimpleNamespace(
        parts=Parts(sections, model_class),
        config={"TRAIN_PARAMS": {}},
        args=SimpleNamespace(machine_id=0),
        mapping=Linear(1, 4),
        ranks=[-1, 0, 1, 2, 3],
    )


def of_digits():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 4), nn.BatchNorm1d(4))


def test_a_last_batch_of_one_sample_of_any_node_is_refused_before_the_start():
    """It was refused by the node, once all had been started."""
    last = Digits(3, 0, Linear(1, 4))
    sizes = [len(Digits(uid, 0, Linear(1, 4)).trainset) for uid in (0, 3)]
    assert sizes == [359, 361]
    experiment = experiment_of(Digits, batch_size=179)  # 359 = 2 * 179 + 1
    told = r"\[TRAIN_PARAMS\] batch_size = 179: the last .* one sample of uid 0's 359"
    with pytest.raises(ConfigError, match=told):
        check_last_batches(experiment, of_digits(), last)
    check_last_batches(experiment_of(Digits, batch_size=100), of_digits(), last)


class Normalized(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(4, 2), nn.BatchNorm1d(2))


def test_a_users_data_set_is_not_built_for_the_other_nodes():
    example = toy.Points(3, 0, Linear(1, 4))  # each has 16 points
    parts = toy.Points, Normalized
    told = "one sample of uid 3's 16"
    with pytest.raises(ConfigError, match=told):
        rehearse(experiment_of(*parts, batch_size=15), example)
    rehearse(experiment_of(*parts, batch_size=16), example)
    rehearse(experiment_of(*parts, OwnSteps, batch_size=15), example)


@pytest.mark.filterwarnings("ignore:Lazy modules")
@pytest.mark.parametrize("rank", [-1, 3])
def test_lazy_modules_get_their_shapes_from_one_sample(rank):
    example = toy.Points(rank, 0, Linear(1, 4))
    model = rehearse(experiment_of(toy.Points, toy.Lazy), example)
    assert model.fc.weight.shape == (2, 4)
    assert model.training
    told = r"\[DATASET\] model_class = Never: the shape of unused.weight is unknown"
    with pytest.raises(ConfigError, match=told):
        rehearse(experiment_of(toy.Points, Never), example)
