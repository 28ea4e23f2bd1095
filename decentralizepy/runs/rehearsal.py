"""Builds a model and an optimizer before the start, to reject what nodes cannot use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch

from decentralizepy.config.signatures import is_ours
from decentralizepy.errors import ConfigError, located, one_line
from decentralizepy.factory import Part
from decentralizepy.models.flat import tensors
from decentralizepy.models.lazy import materialize, unknown_shapes
from decentralizepy.randomness import seed_of
from decentralizepy.runs.trial import try_training
from decentralizepy.training.last_batch import (
    check_single,
    ends_with_one,
    has_batch_norm,
)

if TYPE_CHECKING:
    from decentralizepy.runs.experiment import Experiment

STEPS = ("train", "train_full", "trainstep")


def rehearse(experiment: Experiment, dataset: Any) -> torch.nn.Module:
    """Return a new model, after checking that the nodes of this machine can train it.

    Parameters
    ----------
    experiment
    dataset
        A node's data set, which builds the model.

    Raises
    ------
    ConfigError
        If the model, the optimizer or the size of a batch cannot be used.
    """
    parts = experiment.parts
    model: torch.nn.Module = dataset.make_model(parts.model_class)
    name = parts.model_class.__name__
    with located(section="DATASET", key="model_class", value=name):
        materialize(model, dataset)
    check_model(model, name)
    check_optimizer(model, parts["OPTIMIZER_PARAMS"])
    try_training(experiment, model, dataset)
    if attack := parts.sections.get("ATTACK"):
        attack.build(0, seed_of(dataset)).check(dataset)
    if has_batch_norm(model) and _is_ours(parts["TRAIN_PARAMS"].cls):
        check_last_batches(experiment, model, dataset)
    return model


def check_model(model: torch.nn.Module, name: str) -> None:
    """Raise a ConfigError if a model cannot be sent, averaged and trained.

    Parameters
    ----------
    model
        A new model, as built by the data set.
    name
        The ``model_class`` of the INI file.
    """
    problem = ""
    if lazy := unknown_shapes(model):
        problem = (
            f"the shape of {lazy[0]} is unknown even after a forward pass; expected "
            "every shape in the constructor"
        )
    elif not all(map(torch.is_tensor, tensors(model).values())):
        names = [
            key for key, part in tensors(model).items() if not torch.is_tensor(part)
        ]
        problem = f"{names[0]} of its state_dict is not a tensor"
    elif cause := _extra_state(model):
        problem = cause
    elif not list(model.parameters()):
        problem = "it has no parameters to train"
    elif never := _never_called(type(model)):
        problem = (
            "it overrides {}, which is never called here; expected {} to do that"
        ).format(*never[0])
    if problem:
        raise ConfigError(problem, section="DATASET", key="model_class", value=name)


def check_optimizer(model: torch.nn.Module, optimizer: Part) -> None:
    """Raise a ConfigError if one of torch's optimizers cannot train a model.

    Parameters
    ----------
    model
    optimizer
        The class and its options.
    """
    optimizer_class = optimizer.cls
    if not optimizer_class.__module__.startswith("torch."):
        return  # a bug in a user's class should be shown with its traceback
    with located(
        section="OPTIMIZER_PARAMS",
        key="optimizer_class",
        value=optimizer_class.__name__,
    ):
        _build(optimizer, model)
        _check_gradients(optimizer_class, model)


def check_last_batches(
    experiment: Experiment, model: torch.nn.Module, example: Any
) -> None:
    """Raise a ConfigError if an epoch of a node ends with a batch it cannot train on.

    Of users' data sets, which may take long to build, only ``example`` is checked here;
    each node checks its own before its first step.
    """
    options = experiment.parts["TRAIN_PARAMS"].options
    for dataset in _datasets(experiment, example):
        loader = dataset.get_trainset(options.get("batch_size") or 1, False)
        if ends_with_one(loader):
            batch = next(iter(loader))
            if not isinstance(batch, Mapping):
                sample = tuple(part[:1] for part in batch)
                check_single(model, loader, sample, f"uid {dataset.uid}'s")


def _datasets(experiment: Experiment, example: Any) -> Iterator[Any]:
    """Yield the data sets of this machine's nodes; of users' classes only ``example``."""
    if example.rank >= 0:
        yield example
    ranks = [rank for rank in experiment.ranks if 0 <= rank != example.rank]
    part = experiment.parts["DATASET"]
    for rank in ranks if is_ours(part.cls) else ():
        yield part.build(rank, experiment.args.machine_id, experiment.mapping)


def _build(optimizer: Part, model: torch.nn.Module) -> None:
    try:
        optimizer.build(model.parameters())
    except (ValueError, TypeError, RuntimeError) as error:
        raise ConfigError(one_line(error)) from error


def _check_gradients(optimizer_class: Any, model: torch.nn.Module) -> None:
    if optimizer_class is torch.optim.SparseAdam and (dense := _dense(model)):
        raise ConfigError(
            f"the gradient of {dense[0]} is dense; expected Adam, or a model "
            "of sparse embeddings alone"
        )


def _is_ours(training_class: Any) -> bool:
    """Return whether all steps of training are this package's own."""
    steps = (getattr(training_class, name, None) for name in STEPS)
    return all(
        str(getattr(step, "__module__", "")).startswith("decentralizepy.")
        for step in steps
    )


def _never_called(model_class: Any) -> list[tuple[str, str]]:
    """Return methods overridden in vain, each with the one to override instead."""
    return [
        (name, instead)
        for name, instead in getattr(model_class, "replaced", {}).items()
        if not getattr(model_class, name).__module__.startswith("decentralizepy.")
    ]


def _extra_state(model: torch.nn.Module) -> str:
    """Return why the extra state of modules cannot be saved and loaded, or ""."""
    state = model.state_dict()
    extra = sorted(state.keys() - tensors(model).keys())
    for name in extra:
        if not _is_plain(state[name]):
            return (
                f"{name} cannot be saved safely; expected get_extra_state to return "
                "tensors, numbers and text, or containers of them"
            )
    for module in model.modules() if extra else ():
        methods = type(module), torch.nn.Module
        if _differ("get_extra_state", *methods) > _differ("set_extra_state", *methods):
            return (
                f"{type(module).__name__} has get_extra_state, but no set_extra_state"
            )
    return ""


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_plain, (*value.keys(), *value.values())))
    if isinstance(value, (list, tuple, set)):
        return all(map(_is_plain, value))
    return isinstance(
        value, (torch.Tensor, int, float, complex, str, bytes, type(None))
    )


def _differ(name: str, one: type, other: type) -> bool:
    return getattr(one, name) is not getattr(other, name)


def _dense(model: torch.nn.Module) -> list[str]:
    """Return the parameters that do not belong to a module with ``sparse`` set."""
    return [
        f"{prefix}.{key}".lstrip(".")
        for prefix, module in model.named_modules()
        if not getattr(module, "sparse", False)
        for key, _ in module.named_parameters(recurse=False)
    ]
