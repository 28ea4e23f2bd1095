"""Breaks when weight decay applies to parameters that are to be spared."""

import torch
from torch import nn

from decentralizepy.models.decay import parameter_groups


class Mixed(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.norm = nn.BatchNorm2d(2)
        self.scale = nn.GroupNorm(1, 2)
        self.lstm = nn.LSTM(2, 2)
        self.out = nn.Linear(2, 2)
        self.tied = self.out  # is one parameter, with two names


def names_of(model, group):
    named = {id(each): name for name, each in model.named_parameters()}
    return {named[id(each)] for each in group["params"]}


def test_biases_and_norms_are_spared():
    model = Mixed()
    decayed, spared = parameter_groups(model, all_decay=False)
    weights = {"conv.weight", "lstm.weight_ih_l0", "lstm.weight_hh_l0", "out.weight"}
    assert names_of(model, decayed) == weights
    rest = {name for name, _ in model.named_parameters()} - weights
    assert names_of(model, spared) == rest
    assert "weight_decay" not in decayed
    assert spared["weight_decay"] == 0


def test_a_step_by_hand():
    """Gradients are 0: a weight of 2 decays by lr * 0.5 * 2, a bias of 2 stays."""
    model = nn.Linear(1, 1)
    with torch.no_grad():
        model.weight.fill_(2), model.bias.fill_(2)
    groups = parameter_groups(model, all_decay=False)
    optimizer = torch.optim.SGD(groups, lr=0.1, weight_decay=0.5)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    assert (model.weight.item(), model.bias.item()) == (torch.tensor(1.9).item(), 2)


def test_by_default_all_parameters_are_one_group_in_their_order():
    model = Mixed()
    given, own = list(parameter_groups(model)), list(model.parameters())
    assert all(a is b for a, b in zip(given, own, strict=True))


def test_a_model_without_biases_has_one_group():
    (group,) = parameter_groups(nn.Linear(1, 1, bias=False), all_decay=False)
    assert "weight_decay" not in group
