"""Feature skew: images that are transformed differently on each node."""

from collections.abc import Callable
from functools import partial
from itertools import permutations
from typing import Any

import torch

from decentralizepy.datasets.Partitioner import Indices, Partition

Change = Callable[[torch.Tensor], torch.Tensor]

FEATURE_SKEWS = ("rotation", "colour")
CHANNEL_ORDERS = tuple(permutations(range(3)))


class Skewed:
    """A partition whose images are transformed when read, so that none is stored twice.

    Parameters
    ----------
    part : Partition
        Of samples ``(x, y)``, x of shape (..., channels, height, width).
    change : callable
        What is done to images of shape (..., height, width, channels).
    """

    def __init__(self, part: Partition, change: Change) -> None:
        self.data, self.change = part, change

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: Any) -> Any:
        x, y = self.data[index]
        changed = self.change(x.movedim(-3, -1))
        return changed.contiguous().movedim(-1, -3), y  # a batch stays channels_last

    @property
    def targets(self) -> Indices:
        """Labels of the samples."""
        return self.data.targets


def change_for(kind: str, node: int) -> Change:
    """Return node ``node``'s transform of images of shape (..., height, width, channels).

    Parameters
    ----------
    kind : {"rotation", "colour"}
        ``rotation``: turned counter-clockwise by ``node % 4`` right angles (as the
        rotated MNIST and CIFAR of IFCA, Ghosh et al., arXiv:2006.04088). ``colour``:
        three channels in order number ``node % 6``; other images, whose values are
        from -1 to 1, as a negative where ``node`` is odd.
    node : int
    """
    if kind == "rotation":
        return partial(torch.rot90, k=node % 4, dims=(-3, -2))
    return partial(_recolour, node=node)


def _recolour(images: torch.Tensor, node: int) -> torch.Tensor:
    if images.shape[-1] == 3:
        order = torch.tensor(CHANNEL_ORDERS[node % 6])
        return images.index_select(-1, order)  # an index takes a hundred times as long
    return -images if node % 2 else images
