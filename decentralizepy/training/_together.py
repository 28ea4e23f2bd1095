"""Steps of plain SGD of several nodes at once, with gradients of stacked parameters."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from torch import nn
from torch.func import functional_call, grad_and_value, vmap

from decentralizepy.training import _steps

METHODS = ("train", "train_full", "trainstep", "batch_loss", "forward")
OURS = "decentralizepy."
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks")
_HOOKS_OF_PARAMETERS = ("_backward_hooks", "_post_accumulate_grad_hooks")
Tensors = dict[str, torch.Tensor]


class Kind(NamedTuple):
    """What a trainer has in common with those that it can take a step together with.

    Parameters
    ----------
    obstacle : str
        Why there are none; "" if there may be some.
    key : hashable
        Equal for trainers that compute the same function of parameters and data.
    parameters : dict of str to torch.nn.Parameter
    """

    obstacle: str
    key: Hashable
    parameters: Mapping[str, nn.Parameter]


def kind_of(trainer: Any) -> Kind:
    """Return what a trainer's steps have in common with those of other nodes."""
    model, loss = trainer.model, trainer.loss
    parameters = dict(model.named_parameters())
    shapes = tuple((name, each.shape) for name, each in parameters.items())
    key = (type(model), str(model), shapes, _key_of_loss(loss))
    return Kind(_obstacle(trainer), key, parameters)


class Step:
    """A step that a node is about to take.

    Parameters
    ----------
    trainer : Training
    data, target
        As for :meth:`~decentralizepy.training.Training.Training.batch_loss`.
    """

    name: ClassVar[str] = "training steps"
    least: ClassVar[int] = 128

    def __init__(self, trainer: Any, data: Any, target: Any) -> None:
        self.trainer, self.data, self.target = trainer, data, target

    @property
    def obstacle(self) -> str:
        """Why this step has to be taken alone; "" if it can be taken with others."""
        if cause := unlike_plain(self.trainer):
            return cause
        tensors = isinstance(self.data, torch.Tensor) and torch.is_tensor(self.target)
        return "" if tensors else "a batch is not a pair of tensors"

    @property
    def key(self) -> Hashable:
        data, target = self.data, self.target
        forms = data.shape, data.dtype, target.shape, target.dtype
        return (self.trainer.kind.key, *forms)

    def alone(self) -> float:
        """Take the step, and return its loss."""
        return float(self.trainer.step_alone(self.data, self.target))

    @staticmethod
    def together(steps: list["Step"]) -> list[float]:
        """Take all ``steps``, whose keys are equal, and return their losses."""
        nodes = [[*step.trainer.kind.parameters.values()] for step in steps]
        names = steps[0].trainer.kind.parameters
        with torch.no_grad():
            stacked = {
                name: torch.stack(rows)
                for name, rows in zip(names, zip(*nodes, strict=True), strict=True)
            }
        data = torch.stack([step.data for step in steps])
        targets = torch.stack([step.target for step in steps])
        with torch.enable_grad():
            gradients, losses = gradient_of(steps[0].trainer)(stacked, data, targets)
        rates = torch.tensor([rate_of(step.trainer) for step in steps])
        for rows, gradient in zip(
            zip(*nodes, strict=True), gradients.values(), strict=True
        ):
            _descend(rows, gradient, rates)
        result: list[float] = losses.tolist()
        return result


def gradient_of(trainer: Any) -> Callable[..., tuple[Tensors, torch.Tensor]]:
    """Return the gradients and losses of stacked parameters and batches, row by row."""

    def loss(
        parameters: Tensors, data: torch.Tensor, target: torch.Tensor
    ) -> torch.Tensor:
        output = functional_call(trainer.model, parameters, (data,))
        result: torch.Tensor = trainer.loss(output, target)
        return result

    return vmap(grad_and_value(loss))


@torch.no_grad()
def _descend(
    rows: Sequence[torch.Tensor], gradient: torch.Tensor, rates: torch.Tensor
) -> None:
    """Subtract from each of ``rows`` its gradient times its rate."""
    shape = (-1, *[1] * (gradient.dim() - 1))
    change = gradient * -rates.to(gradient.dtype).view(shape)
    torch._foreach_add_(list(rows), list(change.unbind()))


def rate_of(trainer: Any) -> float:
    """Return the learning rate of a trainer whose optimizer has only one."""
    (group,) = trainer.optimizer.param_groups
    return float(group["lr"])


def unlike_plain(trainer: Any) -> str:
    """Return why no step of a trainer can be taken with those of others; or ""."""
    if trainer.kind.obstacle:
        return str(trainer.kind.obstacle)
    if is_plain(trainer):
        return ""
    name = type(trainer.optimizer).__name__
    return f"{name} is not plain SGD with one rate for all parameters"


def is_plain(trainer: Any) -> bool:
    """Return whether a trainer's optimizer takes plain steps on all its parameters."""
    optimizer, parameters = trainer.optimizer, trainer.kind.parameters
    if not _steps.is_plain(optimizer) or len(optimizer.param_groups) != 1:
        return False
    given = optimizer.param_groups[0]["params"]
    pairs = zip(given, parameters.values(), strict=False)
    return len(given) == len(parameters) and all(own is other for own, other in pairs)


def overridden(trainer: Any) -> str:
    """Return which method of a user's trainer stands in the way of batching; "" if none."""
    for method in METHODS:
        function = getattr(type(trainer), method)
        if method in vars(trainer) or not function.__module__.startswith(OURS):
            return f"{type(trainer).__name__} overrides {method}"
    return ""


def _obstacle(trainer: Any) -> str:
    """Return what in a trainer, its model or loss stands in the way of batching."""
    if trainer.precision != "float32" or trainer.is_compiled:
        return "[TRAIN_PARAMS] compile or precision is set"
    if trainer.clip_norm or trainer.clip_value:
        return "[TRAIN_PARAMS] clip_norm or clip_value is set"
    model = trainer.model
    name = type(model).__name__
    in_model = (
        *map(_obstacle_in_parameter, model.parameters()),
        *map(_obstacle_in_module, model.modules()),
    )
    found = next((f"{name} {cause}" for cause in in_model if cause), "")
    return overridden(trainer) or found or _obstacle_in_loss(trainer.loss)


def _obstacle_in_parameter(parameter: nn.Parameter) -> str:
    if not parameter.requires_grad:
        return "has parameters that are not trained"
    if parameter.device.type != "cpu":
        return "is not on the CPU"
    if any(getattr(parameter, hooks, None) for hooks in _HOOKS_OF_PARAMETERS):
        return "has hooks"
    return ""


def _obstacle_in_module(module: nn.Module) -> str:
    if module._buffers:
        return "has buffers, as those of BatchNorm"
    if isinstance(module, nn.modules.dropout._DropoutNd) and module.p:
        return "has dropout, which draws from each node's own generator"
    if type(module).get_extra_state is not nn.Module.get_extra_state:
        return "has extra state"
    return "has hooks" if any(getattr(module, hooks) for hooks in _HOOKS) else ""


def _obstacle_in_loss(loss: Any) -> str:
    state = isinstance(loss, nn.Module) and bool(loss.state_dict())
    return f"{type(loss).__name__} has tensors of its own" if state else ""


def _key_of_loss(loss: Any) -> Hashable:
    """Return what tells a loss from others: a function itself, or a module's options."""
    if not isinstance(loss, nn.Module):
        return loss if isinstance(loss, Hashable) else id(loss)
    options = {name: repr(value) for name, value in vars(loss).items()}
    return type(loss), tuple(sorted(options.items()))
