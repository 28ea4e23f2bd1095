"""The parameters of a model in groups, by whether weight decay applies to them."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

NORMS = (
    nn.modules.batchnorm._NormBase,  # of BatchNorm and InstanceNorm
    nn.GroupNorm,
    nn.LayerNorm,
    nn.RMSNorm,
)


def parameter_groups(model: nn.Module, all_decay: bool = True) -> Iterable[Any]:
    """Return what an optimizer is given: the parameters, or two groups of them.

    Parameters
    ----------
    model
    all_decay : bool, default True
        If False, the second group has a ``weight_decay`` of 0: the biases, and the
        parameters of normalization layers. These have no reason to be small.
    """
    if all_decay:
        return model.parameters()
    spared = {id(each) for each in _spared(model)}
    decayed = [each for each in model.parameters() if id(each) not in spared]
    rest = [each for each in model.parameters() if id(each) in spared]
    groups: list[dict[str, Any]]
    groups = [{"params": decayed}, {"params": rest, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


def _spared(model: nn.Module) -> Iterable[torch.Tensor]:
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if name.startswith("bias") or isinstance(module, NORMS):
                yield parameter
