"""Optimizer steps; those of plain SGD without the bookkeeping of ``torch.optim``.

After a backward pass, little of that code is still in the cache, so that it takes longer
than the step itself. The results are the same to the bit.
"""

import functools
import inspect
from collections.abc import Callable, Sized
from typing import Any

import torch
from torch.nn.utils import clip_grad_norm_, clip_grad_value_
from torch.optim import optimizer as hooks

PLAIN = {
    "momentum": 0,
    "weight_decay": 0,
    "maximize": False,
    "differentiable": False,
    "fused": None,
}


def zero_grad(optimizer: torch.optim.Optimizer) -> None:
    """Forget all gradients, as ``optimizer.zero_grad()``."""
    known = getattr(type(optimizer), "zero_grad", None)
    if known is not torch.optim.Optimizer.zero_grad or "zero_grad" in vars(optimizer):
        optimizer.zero_grad()
        return
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = None


def step(optimizer: torch.optim.Optimizer) -> None:
    """Take a step, as ``optimizer.step()``."""
    if not is_plain(optimizer):
        optimizer.step()
        return
    with torch.no_grad():
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.add_(parameter.grad, alpha=-group["lr"])


def clip(model: torch.nn.Module, norm: float | None, value: float | None) -> None:
    """Limit each entry of the gradient to ``value``, and then its 2-norm to ``norm``."""
    if value is not None:
        clip_grad_value_(model.parameters(), value)
    if norm is not None:
        clip_grad_norm_(model.parameters(), norm)


@functools.cache
def needs_closure(step: Callable[..., Any]) -> bool:
    """Return whether ``step`` of an optimizer evaluates the loss itself, as LBFGS does."""
    closure = inspect.signature(step).parameters.get("closure")
    return closure is not None and closure.default is closure.empty


def is_plain(optimizer: torch.optim.Optimizer) -> bool:
    """Return whether an optimizer is ``torch.optim.SGD``, and a step ``x -= lr * grad``."""
    if type(optimizer) is not torch.optim.SGD:
        return False
    # a learning-rate scheduler wraps `step` to see whether it is called
    if "step" in vars(optimizer):
        return False
    if any(map(len, _hooks(optimizer))):
        return False
    return all(map(_is_plain_group, optimizer.param_groups))


def _hooks(optimizer: torch.optim.Optimizer) -> tuple[Sized, ...]:
    return (
        optimizer._optimizer_step_pre_hooks,
        optimizer._optimizer_step_post_hooks,
        hooks._global_optimizer_pre_hooks,
        hooks._global_optimizer_post_hooks,
    )


def _is_plain_group(group: dict[str, object]) -> bool:
    plain = all(group.get(name) == value for name, value in PLAIN.items())
    return plain and isinstance(group["lr"], float | int)
