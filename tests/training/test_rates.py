"""Breaks when a learning rate is not the one that the scheduler says."""

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch.optim import lr_scheduler

from decentralizepy.factory import Part
from decentralizepy.graphs.Ring import Ring
from decentralizepy.mappings.Linear import Linear
from decentralizepy.training import _steps
from decentralizepy.training.Training import Training
from tests.support.toy import Points

SCHEDULERS = {
    "StepLR": {"step_size": 2, "gamma": 0.5},
    "MultiStepLR": {"milestones": [1, 3], "gamma": 0.1},
    "CosineAnnealingLR": {"T_max": 5},
    "CosineAnnealingWarmRestarts": {"T_0": 2},
    "LinearLR": {"start_factor": 0.25, "total_iters": 4},
    "PolynomialLR": {"total_iters": 7, "power": 2},
    "OneCycleLR": {"max_lr": 1.0, "total_steps": 40},
    "CyclicLR": {"base_lr": 0.1, "max_lr": 0.5, "step_size_up": 3},
}


def scheduler(name):
    return Part(getattr(lr_scheduler, name), SCHEDULERS[name])


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def make(momentum=0.0, **options):
    """Return a trainer of the toy's first node."""
    model = torch.nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.8, momentum=momentum)
    loss, mapping = torch.nn.CrossEntropyLoss(), Linear(1, 4)
    return Training(0, 0, mapping, model, optimizer, loss, ".", **options)


def rates_of(trainer, trainings=4):
    """Return the learning rate of each training, and the one after the last."""
    found, dataset = [], Points(0, 0, Linear(1, 4))
    for _ in range(trainings):
        found.append(trainer.optimizer.param_groups[0]["lr"])
        trainer.train(dataset)
    return [*found, trainer.optimizer.param_groups[0]["lr"]]


@pytest.mark.parametrize(
    ("interval", "rates"),
    [("round", [0.8, 0.8, 0.4, 0.4, 0.2]), ("step", [0.8, 0.4, 0.2, 0.1, 0.05])],
)
def test_rates_of_two_steps_a_round_by_hand(interval, rates):
    """They are halved after every two rounds, or steps."""
    trainer = make(rounds=2)
    trainer.schedule_rates(scheduler("StepLR").build, interval)
    assert rates_of(trainer) == pytest.approx(rates)


def test_an_optimizer_that_is_replaced_every_round_has_the_same_rates():
    """With OneCycleLR, the momentum changes, too."""
    kept, renewed = make(0.9), make(0.9)
    for trainer in (kept, renewed):
        trainer.schedule_rates(scheduler("OneCycleLR").build)
    for _ in range(5):
        renewed.reset_optimizer(make_optimizer(renewed.model))
        for trainer in (kept, renewed):
            trainer.train(Points(0, 0, Linear(1, 4)))
        groups = (each.optimizer.param_groups[0] for each in (kept, renewed))
        assert len({(group["lr"], group["momentum"]) for group in groups}) == 1
    assert kept.optimizer.param_groups[0]["momentum"] != 0.9


@given(name=st.sampled_from(sorted(SCHEDULERS)), steps=st.integers(0, 30))
@settings(max_examples=25)
def test_rates_are_those_of_the_scheduler_on_an_optimizer_of_its_own(name, steps):
    model = torch.nn.Linear(1, 1)
    theirs = make_optimizer(model)
    own = scheduler(name).build(theirs)
    trainer = Training(0, 0, None, model, make_optimizer(model), None, ".")
    trainer.schedule_rates(scheduler(name).build, "step")
    for _ in range(steps):
        theirs.step()
        own.step()
        trainer.learning_rates.end_step(0.0)
    ours = trainer.optimizer.param_groups[0]
    assert (ours["lr"], ours["momentum"]) == (
        theirs.param_groups[0]["lr"],
        theirs.param_groups[0]["momentum"],
    )


def test_a_plateau_is_one_of_the_mean_loss_of_a_round():
    """Means 3, 2, 2 and 2: with a patience of 0, the rate falls after the third."""
    trainer = make()
    plateau = Part(lr_scheduler.ReduceLROnPlateau, {"factor": 0.5, "patience": 0})
    trainer.schedule_rates(plateau.build)
    found = []
    for losses in ([4, 2], [1, 3], [2, 2], [0, 4]):
        for loss in losses:
            trainer.learning_rates.end_step(loss)
        trainer.learning_rates.end_round()
        found.append(trainer.optimizer.param_groups[0]["lr"])
    assert found == pytest.approx([0.8, 0.8, 0.4, 0.2])


def test_steps_of_plain_sgd_stay_plain():
    """A scheduler would wrap the optimizer's step, and keep nodes from being batched."""
    trainer = make()
    trainer.schedule_rates(scheduler("StepLR").build)
    assert _steps.is_plain(trainer.optimizer)


def test_each_parameter_group_has_its_own_rate():
    model = torch.nn.Linear(4, 2)
    groups = [{"params": [model.weight], "lr": 0.8}, {"params": [model.bias]}]
    optimizer = torch.optim.SGD(groups, lr=0.2)
    trainer = Training(0, 0, None, model, optimizer, None, ".")
    trainer.schedule_rates(scheduler("StepLR").build, "step")
    for _ in range(2):
        trainer.learning_rates.end_step(0.0)
    rates = [group["lr"] for group in optimizer.param_groups]
    assert rates == pytest.approx([0.4, 0.1])


SECTION = {"scheduler_package": "torch.optim.lr_scheduler"}


def test_nodes_read_the_scheduler_from_its_section(run_nodes):
    """An optimizer is made anew after each of the three rounds."""
    section = {**SECTION, "scheduler_class": "ExponentialLR", "gamma": 0.5}
    nodes = run_nodes(Ring(3), LR_SCHEDULER=section)
    rates = [node.optimizer.param_groups[0]["lr"] for node in nodes.values()]
    assert rates == [0.2 / 8] * 3


def test_options_that_change_nothing_leave_the_bits_as_they_are(run_nodes):
    constant = {**SECTION, "scheduler_class": "ConstantLR", "factor": 1.0}
    limits = {"clip_norm": 1e9, "clip_value": 1e9, "loss_label_smoothing": 0.0}
    plain = run_nodes(Ring(3))
    changed = run_nodes(Ring(3), LR_SCHEDULER=constant, TRAIN_PARAMS=limits)
    for uid, node in plain.items():
        assert torch.equal(node.model.fc.weight, changed[uid].model.fc.weight)
