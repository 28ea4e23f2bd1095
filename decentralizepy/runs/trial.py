"""Tries out schedulers, losses and augmentation before the start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from decentralizepy import factory
from decentralizepy.errors import ConfigError, located, one_line
from decentralizepy.factory import Part
from decentralizepy.models.decay import parameter_groups
from decentralizepy.training.augmentation import Augmentation, check_images
from decentralizepy.training.rates import Rates

if TYPE_CHECKING:
    from decentralizepy.runs.experiment import Experiment

MOST = 10_000  # steps of a scheduler that are tried
INVALID = (ValueError, TypeError, KeyError, RuntimeError, ZeroDivisionError)


def try_training(experiment: Experiment, model: torch.nn.Module, dataset: Any) -> None:
    """Raise a ConfigError if a scheduler, a loss or augmentation cannot be used.

    Parameters
    ----------
    experiment
    model
        A new model.
    dataset
        A node's data set.
    """
    parts, section = experiment.parts, experiment.config["TRAIN_PARAMS"]
    options = parts["TRAIN_PARAMS"].options
    if scheduler := parts.sections.get("LR_SCHEDULER"):
        interval = experiment.config["LR_SCHEDULER"].get("interval", "round")
        count = experiment.args.iterations
        count *= 1 if interval == "round" else options.get("rounds") or 1
        all_decay = experiment.config["OPTIMIZER_PARAMS"].get(
            "decay_norm_and_bias", True
        )
        groups = parameter_groups(model, all_decay)
        try_scheduler(parts["OPTIMIZER_PARAMS"], groups, scheduler, count)
    padding, flip = options.get("crop_padding", 0), options.get("horizontal_flip")
    given = factory.loss_options(section, parts["TRAIN_PARAMS"].cls)
    if not (padding or flip or given):
        return
    batch = next(iter(dataset.get_trainset(options.get("batch_size") or 1, False)))
    data, target = (batch, None) if isinstance(batch, Mapping) else batch[:2]
    if padding or flip:
        check_images(data, Augmentation(padding, bool(flip)))
    if given and target is not None:
        try_loss(section, model, data, target)


def try_scheduler(optimizer: Part, groups: Any, scheduler: Part, count: int) -> None:
    """Raise a ConfigError if one of torch's schedulers cannot be stepped ``count`` times.

    Users' classes are not tried: a bug in them is shown with its traceback.
    """
    classes = optimizer.cls, scheduler.cls
    if not all(each.__module__.startswith("torch.") for each in classes):
        return
    name = scheduler.cls.__name__
    with located(section="LR_SCHEDULER", key="scheduler_class", value=name):
        try:
            rates = Rates(optimizer.build(groups), scheduler.build)
            for _ in range(min(count, MOST)):
                rates.end_step(1.0)
                rates.end_round()
        except INVALID as error:
            raise ConfigError(one_line(error)) from error


def try_loss(section: Mapping[str, Any], model: Any, data: Any, target: Any) -> None:
    """Raise a ConfigError if a loss with options rejects what a model returns."""
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        model.eval()
        output = model(data)
        try:
            factory.load_loss(section)(output, target)
        except INVALID as error:
            raise ConfigError(
                one_line(error),
                section="TRAIN_PARAMS",
                key="loss_class",
                value=section["loss_class"],
            ) from error
