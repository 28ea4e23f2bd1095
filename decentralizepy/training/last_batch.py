"""Check for a last batch of one sample, on which BatchNorm cannot be trained."""

import copy
from typing import Any

import torch
from torch import nn

from decentralizepy.errors import ConfigError


def check_single(
    model: nn.Module, loader: Any, sample: tuple[Any, ...], whose: str = "this node's"
) -> None:
    """Raise a ConfigError if an epoch ends with a batch that cannot be trained on.

    Parameters
    ----------
    model : nn.Module
        In training mode; not modified.
    loader
        Yields the batches. Nothing is checked unless it has ``dataset`` and
        ``batch_size``, like a DataLoader.
    sample : tuple
        Arguments of the model: a batch of one.
    whose
        The owner of the samples, for the message.
    """
    if not ends_with_one(loader) or not has_batch_norm(model):
        return
    state = copy.deepcopy(model.state_dict())
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            model(sample[0])
    except ValueError as error:
        raise ConfigError(
            f"the last batch of an epoch has one sample of {whose} "
            f"{len(loader.dataset)}, on which BatchNorm cannot be trained; expected "
            "another size, or [DATASET] drop_last = True",
            section="TRAIN_PARAMS",
            key="batch_size",
            value=loader.batch_size,
        ) from error
    finally:
        model.load_state_dict(state)


def ends_with_one(loader: Any) -> bool:
    """Return whether the last batch has one sample; False if that is unknown."""
    dataset = getattr(loader, "dataset", None)
    size = getattr(loader, "batch_size", None)
    if dataset is None or size is None:
        return False
    return bool(len(dataset) - (len(loader) - 1) * size == 1)


def has_batch_norm(model: nn.Module) -> bool:
    """Return whether a model has a module that cannot be trained on a single number."""
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    return any(isinstance(module, kinds) for module in model.modules())
