"""Breaks when a sample moves a private step by more than its bound, or its epsilon is wrong."""

import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from opacus import PrivacyEngine
from opacus.grad_sample import GradSampleModule
from opacus.optimizers import DPOptimizer
from torch.utils.data import DataLoader, TensorDataset

from decentralizepy.datasets.Data import Data
from decentralizepy.datasets.Dataset import Dataset
from decentralizepy.errors import ConfigError
from decentralizepy.mappings.Linear import Linear
from decentralizepy.training._private import clipped_sum
from decentralizepy.training.DPTraining import DPTraining
from decentralizepy.training.Training import Training

NODES = 3
NEXT_TO_NOTHING = 1e-7


class Slope(torch.nn.Module):
    """y = w x, whose gradient of (w x - y)^2 is 2 x (w x - y)."""

    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return x @ self.w


def squared(output, target):
    return ((output - target) ** 2).mean()


def dataset(x, y, uid=0):
    made = Dataset(uid, 0, Linear(1, NODES))
    made.trainset = Data(x, y)
    return made


def line(samples, uid=0):
    """Return samples x = 1, 2, ... with y = 2 x."""
    x = torch.arange(1.0, samples + 1)
    return dataset(x[:, None], 2 * x, uid)


def trainer(model, loss=squared, uid=0, kind=DPTraining, **options):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    place = uid, 0, Linear(1, NODES)
    return kind(*place, model, optimizer, loss, ".", **options)


def net():
    torch.manual_seed(3)
    return torch.nn.Sequential(
        torch.nn.Linear(5, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3)
    )


def images(samples=24):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(samples, 5, generator=generator)
    return x, torch.randint(3, (samples,), generator=generator)


def test_a_step_by_hand():
    """Gradients are -4, -16, -36 and -64: 4 + 3 * 10 of 4 samples, at a rate of 0.5."""
    ours = trainer(
        Slope(), batch_size=4, max_grad_norm=10.0, noise_multiplier=NEXT_TO_NOTHING
    )
    ours.train(line(4))
    assert ours.rate == 1
    assert ours.model.w.item() == pytest.approx(0.5 * 34 / 4, abs=1e-4)


@given(seed=st.integers(0, 1000), bound=st.floats(0.01, 5), gone=st.integers(0, 5))
@settings(max_examples=15, deadline=None)
def test_no_sample_moves_the_sum_by_more_than_the_bound(seed, bound, gone):
    generator = torch.Generator().manual_seed(seed)
    x = 10 * torch.randn(6, 5, generator=generator)
    y = torch.randint(3, (6,), generator=generator)
    ours = trainer(net(), torch.nn.CrossEntropyLoss())
    rest = [number for number in range(6) if number != gone]
    with_it, _ = clipped_sum(ours, x, y, bound)
    without, _ = clipped_sum(ours, x[rest], y[rest], bound)
    moved = torch.cat([(with_it[name] - without[name]).ravel() for name in with_it])
    assert moved.norm() <= bound * (1 + 1e-4) + 1e-5


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
def test_gradients_and_epsilon_are_those_of_opacus():
    """For a pass over the same partition; its batches are drawn by its own generator."""
    x, y = images()
    loss = torch.nn.CrossEntropyLoss()
    model = GradSampleModule(net())
    options = {"noise_multiplier": 0.0, "expected_batch_size": 24}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    theirs = DPOptimizer(optimizer, max_grad_norm=0.7, **options)
    loss(model(x), y).backward()
    theirs.pre_step()
    ours = trainer(
        net(), loss, batch_size=8, full_epochs=True, noise_multiplier=1.1, delta=1e-3
    )
    sums, _ = clipped_sum(ours, x, y, 0.7)
    for name, parameter in model._module.named_parameters():
        assert torch.allclose(sums[name] / 24, parameter.grad, atol=1e-6)
    engine, model = PrivacyEngine(accountant="rdp"), net()
    model, optimizer, loader = engine.make_private(
        module=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        data_loader=DataLoader(TensorDataset(x, y), batch_size=8),
        noise_multiplier=1.1,
        max_grad_norm=1.0,
    )
    for data, target in loader:
        optimizer.zero_grad()
        loss(model(data), target).backward()
        optimizer.step()
    ours.train(dataset(x, y))
    assert ours.steps == 3
    assert ours.privacy_spent() == {"epsilon": engine.get_epsilon(1e-3)}


def test_every_sample_is_drawn_alike_and_otherwise_in_each_step_and_node():
    drawn = []
    for uid in (0, 1):
        ours = trainer(Slope(), uid=uid, batch_size=5)
        for data, _ in ours.next_batches(line(20, uid), 200):
            drawn.append(data[:, 0].tolist())
            ours.steps += 1
    counts = np.bincount(np.concatenate(drawn).astype(int), minlength=21)[1:]
    assert (np.abs(counts - 100) < 40).all()  # of 400 steps, at a rate of 1/4
    assert len({*map(tuple, drawn)}) > 350
    assert len({*map(len, drawn)}) > 5


def test_a_step_of_no_samples_is_one_of_noise():
    """Of 2 * 3 / 4, as 4 samples are expected; half a gradient of it is a step."""
    model = torch.nn.Linear(200, 3)
    before = model.weight.detach().clone()
    ours = trainer(
        model,
        torch.nn.CrossEntropyLoss(),
        batch_size=4,
        noise_multiplier=2.0,
        max_grad_norm=3.0,
    )
    data = dataset(torch.zeros(8, 200), torch.zeros(8, dtype=torch.long))
    assert len([*ours.next_batches(data, 1)]) == 1
    assert ours.step_alone(torch.zeros(0, 200), torch.zeros(0).long()) == 0
    change = before - model.weight.detach()
    assert change.std().item() == pytest.approx(0.75, rel=0.15)


def test_without_noise_it_is_training_to_the_bit():
    weights = []
    for kind, options in ((Training, {}), (DPTraining, {"noise_multiplier": 0.0})):
        ours = trainer(
            net(), torch.nn.CrossEntropyLoss(), kind=kind, batch_size=5, **options
        )
        for _ in range(3):
            ours.train(dataset(*images()))
            ours.train_full(dataset(*images()))
        weights.append(ours.model[0].weight.tolist())
        spent = getattr(ours, "privacy_spent", dict)
        assert spent() == {}
    assert weights[0] == weights[1]


def test_what_mixes_samples_is_refused():
    with pytest.raises(ConfigError, match="training_class = DPTraining: BatchNorm mix"):
        trainer(torch.nn.Sequential(torch.nn.BatchNorm1d(3)))
    with pytest.raises(ConfigError, match="DPTraining: compile is set"):
        DPTraining.prepare(compile=True)

    class Dicts(Dataset):
        def get_trainset(self, batch_size=1, shuffle=False):
            return [{"x": torch.ones(3)}]

    with pytest.raises(ConfigError, match="its batches are dicts; expected pairs"):
        trainer(Slope()).train(Dicts(0, 0, Linear(1, NODES)))


def test_opacus_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "opacus.accountants", None)
    with pytest.raises(ConfigError, match=r"pip install decentralizepy\[privacy\]"):
        DPTraining.prepare(noise_multiplier=1.0)
