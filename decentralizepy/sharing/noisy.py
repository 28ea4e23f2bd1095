"""Models that are sent with Gaussian noise."""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from pydantic import Field

from decentralizepy.randomness import Purpose, seed_of, stream
from decentralizepy.sharing.churn import MESSAGES, NODES
from decentralizepy.sharing.serverless import Serverless

Deviation = Annotated[float, Field(ge=0)]


class NoisySharing(Serverless):
    """Send the whole model with noise that subclasses add.

    The noise is drawn from the seed of the run, so that runs can be repeated. Whoever
    knows the seed can therefore subtract it. Buffers get noise as well, by which a variance
    of BatchNorm may become negative: prefer other norms.

    Parameters
    ----------
    *parts
        The eight of :class:`~decentralizepy.sharing.Sharing.Sharing`.
    noise_std : float, default 0.0
        The standard deviation of the noise in each entry; 0 is
        :class:`~decentralizepy.sharing.Sharing.Sharing`, to the bit.
    **codec
        compress, compression_package, compression_class, float_precision.
    """

    needs: ClassVar[Mapping[str, str]] = dict.fromkeys(
        (NODES, MESSAGES), "its noise is drawn for the weights of the whole graph"
    )

    def __init__(self, *parts: Any, noise_std: Deviation = 0.0, **codec: Any) -> None:
        super().__init__(*parts, **codec)
        self.noise_std = noise_std

    def draw(self, count: int) -> torch.Tensor:
        """Return this round's standard normal numbers, of shape (count, N)."""
        place = Purpose.NOISE, seed_of(self.dataset), self.uid
        generator = stream(*place, round=self.communication_round)
        numbers = generator.standard_normal((count, self.flat.size), np.float32)
        return torch.from_numpy(numbers)


def zero_sum(rows: torch.Tensor, weights: Sequence[float]) -> torch.Tensor:
    """Return ``rows`` less their projection on ``weights``, so that their weighted sum is 0.

    With equal weights, that is their mean. Rows are scaled so that independent ones keep
    their variance, on average over rows.

    Parameters
    ----------
    rows : torch.Tensor, shape (k, N)
    weights : sequence of float, length k
        Not all 0.
    """
    if len(rows) < 2:
        return torch.zeros_like(rows)
    direction = torch.tensor(weights, dtype=torch.float64)
    direction /= direction.norm()
    exact = rows.double()
    exact -= torch.outer(direction, direction @ exact)
    return (exact * math.sqrt(len(rows) / (len(rows) - 1))).float()
