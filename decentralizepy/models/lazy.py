"""Gives lazy modules their shapes before a model is shared."""

from collections.abc import Mapping
from typing import Any

import torch
from torch.nn.parameter import is_lazy

from decentralizepy.errors import ConfigError


def unknown_shapes(model: torch.nn.Module) -> list[str]:
    """Return the names of parameters and buffers that have no shape yet."""
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    return [name for name, tensor in tensors.items() if is_lazy(tensor)]


def materialize(model: torch.nn.Module, dataset: Any) -> None:
    """Run a model with lazy modules once, on one sample, so that all shapes are known.

    Other models are left alone. The weights are drawn from torch's global generator, in
    evaluation mode, so that nothing else is.

    Parameters
    ----------
    model : torch.nn.Module
    dataset : Dataset
        Where the sample is from: the training set, or the test set if the node has none.

    Raises
    ------
    ConfigError
        If the data set yields no sample that a model takes as its only argument.
    """
    if not unknown_shapes(model):
        return
    with torch.random.fork_rng(devices=[]):  # a DataLoader draws a seed
        sample = _sample(dataset)
    was_training = model.training
    model.eval()
    with torch.no_grad():
        model(sample)
    model.train(was_training)


def _sample(dataset: Any) -> Any:
    trains = dataset.rank >= 0 and dataset.__training__
    loader = dataset.get_trainset(1) if trains else dataset.get_testset()
    batch = next(iter(loader))
    if isinstance(batch, Mapping):
        raise ConfigError(
            "lazy modules get their shapes from a first batch of (data, target), and this "
            "data set has dicts; expected every shape in the constructor",
            section="DATASET",
            key="model_class",
        )
    return batch[0][:1]
