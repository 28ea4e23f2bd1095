"""What is tried before a run, and what is left alone."""

import pytest
import torch

from decentralizepy.config.trials import is_ours, trial

SGD = {"optimizer_package": "torch.optim", "optimizer_class": "SGD"}
OWN = {"optimizer_package": "tests.config.test_trials", "optimizer_class": "Picky"}


class Picky(torch.optim.SGD):
    """Wants more of its parameters than a trial has."""

    def __init__(self, params, lr=0.1):
        super().__init__(params, lr)
        if sum(group["params"][0].numel() for group in self.param_groups) < 10:
            raise ValueError("too few parameters")


class Trainer:
    def prepare(self):
        """Something else than our ``prepare``; nobody is to call it."""
        raise AssertionError


def test_an_optimizer_is_made_with_its_options():
    section = {**SGD, "lr": -0.5}
    told = "optimizer_class = SGD: Invalid learning rate: -0.5"
    assert list(trial("optimizer", torch.optim.SGD, section)) == [told]
    assert list(trial("optimizer", torch.optim.SGD, {**SGD, "lr": 0.5})) == []


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "Adagrad", "RMSprop"])
def test_no_good_optimizer_is_refused(name):
    section = {**SGD, "optimizer_class": name, "lr": 0.1}
    assert list(trial("optimizer", getattr(torch.optim, name), section)) == []


def test_an_optimizer_of_the_users_own_is_left_alone():
    assert list(trial("optimizer", Picky, OWN)) == []


def test_a_method_of_the_same_name_is_not_called():
    section = {
        "training_package": "tests.config.test_trials",
        "training_class": "Trainer",
    }
    loss = {"loss_package": "torch.nn", "loss_class": "MSELoss"}
    assert list(trial("training", Trainer, section | loss)) == []


def test_ours_is_what_this_package_has():
    from decentralizepy.sharing.Sharing import Sharing

    assert is_ours(Sharing)
    assert not is_ours(Picky)
    assert not is_ours(trial)  # a function: nothing can be told of it
