"""Gradients of single samples, which no sample moves by more than a bound."""

from typing import Any

import torch
from torch.func import functional_call, grad_and_value, vmap

from decentralizepy.errors import ConfigError
from decentralizepy.training._together import Tensors

SMALL = 1e-6  # as in Opacus: a gradient of length 0 can be clipped


def clipped_sum(
    trainer: Any, data: torch.Tensor, target: torch.Tensor, bound: float
) -> tuple[Tensors, float]:
    """Return the sum of clipped gradients by parameter, and the mean loss.

    Parameters
    ----------
    trainer : Training
    data, target : torch.Tensor, shape (samples, ...)
        Of no samples, the sum is 0.
    bound : float
        The largest 2-norm of a sample's gradient, over all parameters.
    """
    trained = {
        name: each
        for name, each in trainer.model.named_parameters()
        if each.requires_grad
    }
    if not len(target):
        return {name: torch.zeros_like(each) for name, each in trained.items()}, 0.0

    def loss(parameters: Tensors, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        with trainer._autocast():
            output = functional_call(trainer.model, parameters, (x.unsqueeze(0),))
            result: torch.Tensor = trainer.loss(output, y.unsqueeze(0))
        return result

    each = vmap(grad_and_value(loss), in_dims=(None, 0, 0), randomness="different")
    gradients, losses = each(
        {name: tensor.detach() for name, tensor in trained.items()}, data, target
    )
    rows = [gradient.flatten(1).norm(dim=1) for gradient in gradients.values()]
    lengths = torch.stack(rows).norm(dim=0)
    factors = (bound / (lengths + SMALL)).clamp(max=1.0)
    sums = {
        name: torch.einsum("i,i...", factors, gradient)
        for name, gradient in gradients.items()
    }
    return sums, float(losses.mean())


def check_model(model: torch.nn.Module) -> None:
    """Raise a ConfigError if a model has no gradients of single samples."""
    norms = torch.nn.modules.batchnorm._BatchNorm
    if any(isinstance(module, norms) for module in model.modules()):
        raise refused(
            "BatchNorm mixes the samples of a batch; expected GroupNorm, or none"
        )


def refused(cause: str) -> ConfigError:
    """Return the error about a private training that cannot be."""
    return ConfigError(
        cause, section="TRAIN_PARAMS", key="training_class", value="DPTraining"
    )


def epsilon(steps: tuple[float, float, int], delta: float) -> float:
    """Return the epsilon at ``delta`` of steps of DP-SGD.

    Parameters
    ----------
    steps : (float, float, int)
        The noise multiplier, the probability of a sample, and the number of steps.
    delta : float
    """
    spent = accountant()
    spent.history = [steps]
    return float(spent.get_epsilon(delta))


def accountant() -> Any:
    """Return a new accountant of Opacus.

    Raises
    ------
    ConfigError
        If Opacus is not installed.
    """
    try:
        from opacus.accountants import RDPAccountant
    except ImportError:
        raise ConfigError(
            "DPTraining needs Opacus: pip install decentralizepy[privacy]"
        ) from None
    return RDPAccountant()
