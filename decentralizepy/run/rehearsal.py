"""Builds a model and an optimizer before the start, to reject what nodes cannot use."""

import inspect
from typing import Any

import torch
from torch.nn.parameter import is_lazy

from decentralizepy.errors import ConfigError, located, one_line
from decentralizepy.factory import Part

STEPS = ("train", "train_full", "trainstep")


def check_model(model: torch.nn.Module, name: str) -> None:
    """Raise a ConfigError if a model cannot be sent, averaged and trained.

    Parameters
    ----------
    model
        A new model, as built by the data set.
    name
        The ``model_class`` of the INI file.
    """
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    problem = ""
    if lazy := [key for key, tensor in tensors.items() if is_lazy(tensor)]:
        problem = (
            f"the shape of {lazy[0]} is unknown until a first batch; expected every "
            "shape in the constructor, so not a lazy module"
        )
    elif other := _not_tensors(model):
        problem = (
            f"{other[0]} of its state_dict is not a tensor; expected get_extra_state "
            "not to be overridden"
        )
    elif not list(model.parameters()):
        problem = "it has no parameters to train"
    elif never := _never_called(type(model)):
        problem = (
            "it overrides {}, which is never called here; expected {} to do that"
        ).format(*never[0])
    if problem:
        raise ConfigError(problem, section="DATASET", key="model_class", value=name)


def check_optimizer(
    model: torch.nn.Module, optimizer: Part, training_class: Any
) -> None:
    """Raise a ConfigError if one of torch's optimizers cannot train a model.

    Parameters
    ----------
    model
    optimizer
        The class and its options.
    training_class
        The training class; this package's own calls ``step`` without arguments.
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
        _check_steps(optimizer_class, model, training_class)


def _build(optimizer: Part, model: torch.nn.Module) -> None:
    try:
        optimizer.build(model.parameters())
    except (ValueError, TypeError, RuntimeError) as error:
        raise ConfigError(one_line(error)) from error


def _check_steps(
    optimizer_class: Any, model: torch.nn.Module, training_class: Any
) -> None:
    closure = inspect.signature(optimizer_class.step).parameters.get("closure")
    required = closure and closure.default is inspect.Parameter.empty
    if required and _is_ours(training_class):
        raise ConfigError(
            "its step() needs a closure, which Training does not pass; "
            "expected an optimizer whose step() needs none"
        )
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


def _not_tensors(model: torch.nn.Module) -> list[str]:
    state = model.state_dict()
    return [key for key, value in state.items() if not torch.is_tensor(value)]


def _dense(model: torch.nn.Module) -> list[str]:
    """Return the parameters that do not belong to a module with ``sparse`` set."""
    return [
        f"{prefix}.{key}".lstrip(".")
        for prefix, module in model.named_modules()
        if not getattr(module, "sparse", False)
        for key, _ in module.named_parameters(recurse=False)
    ]
