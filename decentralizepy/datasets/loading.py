"""Calling of the methods that scripts written for DecentralizePy override."""

from collections.abc import Mapping
from typing import Any

import torch

from decentralizepy.datasets.batches import Batches
from decentralizepy.datasets.Data import Data


def load_sets(dataset: Any) -> None:
    """Call ``load_trainset`` and ``load_testset``, and use what they set.

    An override sets ``trainset`` or, as for LEAF's sets, ``train_x`` and ``train_y``;
    ``testset``, or ``test_x`` and ``test_y``.
    """
    if dataset.__training__:
        dataset.load_trainset()
        _take(dataset, "train")
    if dataset.__testing__:
        dataset.load_testset()
        _take(dataset, "test")


def _take(dataset: Any, part: str) -> None:
    given = vars(dataset)
    x, y = (given.get(f"{part}_{axis}") for axis in "xy")
    if x is not None and y is not None:
        if not isinstance(x, Mapping):
            x, y = torch.as_tensor(x), torch.as_tensor(y)
        setattr(dataset, f"{part}set", dataset.columns(x, y))


def batches_of(
    dataset: Any,
    batch_size: int,
    generator: torch.Generator | None = None,
    drop_last: bool = False,
) -> Any:
    """Return batches; of a torch Dataset, which takes one place at a time, a DataLoader."""
    if not _is_torch(dataset):
        return Batches(dataset, batch_size, generator, drop_last)
    return torch.utils.data.DataLoader(
        dataset,
        batch_size,
        shuffle=generator is not None,
        generator=generator,
        drop_last=drop_last and len(dataset) > batch_size,
    )


def _is_torch(dataset: Any) -> bool:
    """Return whether a data set, or what it is a part of, is torch's or torchvision's."""
    while not isinstance(dataset, torch.utils.data.Dataset | Data):
        if not hasattr(dataset, "data") or not hasattr(dataset, "index"):
            return False
        dataset = dataset.data  # of a Partition
    return isinstance(dataset, torch.utils.data.Dataset)
