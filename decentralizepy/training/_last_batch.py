"""Check for a last batch of one sample, on which BatchNorm cannot be trained."""

from typing import Any

import torch
from torch import nn

from decentralizepy.errors import ConfigError


def check_single(model: nn.Module, loader: Any, sample: tuple[Any, ...]) -> None:
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
    """
    if not _ends_with_one(loader) or not _has_batch_norm(model):
        return
    state = {name: value.clone() for name, value in model.state_dict().items()}
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            model(sample[0])
    except ValueError as error:
        raise ConfigError(
            f"the last batch of an epoch has one sample of this node's "
            f"{len(loader.dataset)}, on which BatchNorm1d cannot be trained; expected "
            "another size, or [DATASET] drop_last = True",
            section="TRAIN_PARAMS",
            key="batch_size",
            value=loader.batch_size,
        ) from error
    finally:
        model.load_state_dict(state)


def _ends_with_one(loader: Any) -> bool:
    dataset = getattr(loader, "dataset", None)
    size = getattr(loader, "batch_size", None)
    if dataset is None or size is None:
        return False
    return bool(len(dataset) - (len(loader) - 1) * size == 1)


def _has_batch_norm(model: nn.Module) -> bool:
    return any(isinstance(module, nn.BatchNorm1d) for module in model.modules())
