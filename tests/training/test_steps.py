"""Breaks when a step of plain SGD is not torch's, or an optimizer's own step is left out."""

from functools import partial

import pytest
import torch

from decentralizepy.training import _steps

OPTIONS = [
    {},
    {"foreach": True},
    {"momentum": 0.9},
    {"weight_decay": 0.1},
    {"maximize": True},
    {"fused": True},
    {"lr": torch.tensor(0.1)},
]


def make(optimizer_class=torch.optim.SGD, **options):
    """Return a model with odd sizes and a parameter without gradient, and an optimizer."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = torch.nn.Sequential(torch.nn.Linear(7, 13), torch.nn.Linear(13, 3))
    model.unused = torch.nn.Parameter(torch.ones(5))
    return model, optimizer_class(model.parameters(), **{"lr": 0.1, **options})


def train(model, zero_grad, step):
    """Take three steps; return all parameters."""
    for seed in range(3):
        x = torch.randn(4, 7, generator=torch.Generator().manual_seed(seed))
        zero_grad()
        model(x).square().mean().backward()
        step()
    return torch.cat([parameter.flatten() for parameter in model.parameters()])


def train_by_ours(model, optimizer):
    steps = (_steps.zero_grad, _steps.step)
    return train(model, *[partial(each, optimizer) for each in steps])


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_steps_are_torchs_to_the_bit(options):
    model, optimizer = make(**options)
    expected = train(model, optimizer.zero_grad, optimizer.step)
    assert torch.equal(train_by_ours(*make(**options)), expected)


def test_a_rate_that_a_user_changes_applies():
    model, optimizer = make()
    before = model.unused.detach().clone()
    optimizer.param_groups[0]["lr"] = 0.5
    model.unused.grad = torch.full((5,), 2.0)
    _steps.step(optimizer)
    assert torch.equal(model.unused, before - 1)


def test_only_the_simplest_sgd_is_plain():
    assert [_steps.is_plain(make(**options)[1]) for options in OPTIONS] == [
        *([True] * 2),
        *([False] * 5),
    ]


def test_a_subclass_takes_its_own_steps():
    class Own(torch.optim.SGD):
        calls = 0

        def step(self, closure=None):
            self.calls += 1

    model, optimizer = make(Own)
    train_by_ours(model, optimizer)
    assert optimizer.calls == 3


def test_hooks_run():
    model, optimizer = make()
    calls = []
    optimizer.register_step_post_hook(lambda *args: calls.append(1))
    train_by_ours(model, optimizer)
    assert len(calls) == 3


@pytest.mark.filterwarnings("error")
def test_a_scheduler_sees_that_steps_were_taken():
    """Otherwise torch warns that the scheduler's first rate is skipped."""
    model, optimizer = make()
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    train_by_ours(model, optimizer)
    scheduler.step()
