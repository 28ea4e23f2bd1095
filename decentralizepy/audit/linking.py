"""Linkability: whose data does a received model fit best?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from decentralizepy.audit.scene import Scene
from decentralizepy.datasets.Data import Data
from decentralizepy.results.observed import Floats


class Links(NamedTuple):
    """How many of some received models were linked to their senders.

    Attributes
    ----------
    right, models : int
    candidates : int
        The senders among whom each was looked for.
    """

    right: int
    models: int
    candidates: int

    @property
    def accuracy(self) -> float:
        """The fraction that was linked to its sender."""
        return self.right / self.models

    @property
    def chance(self) -> float:
        """What guessing achieves."""
        return 1 / self.candidates


def link(scene: Scene, models: Mapping[int, Floats], data: Mapping[int, Data]) -> Links:
    """Link each model to the sender on whose data its mean loss is lowest.

    This is the linkability attack of Shatter, arXiv:2404.09536, by an attacker who has the
    data of all senders.

    Parameters
    ----------
    scene
    models : dict of int to array, shape (N,)
        The received models by sender.
    data : dict of int to Data
        Training samples of the same nodes.
    """
    senders = [*models]
    losses = [
        [float(scene.losses(models[uid], data[other]).mean()) for other in senders]
        for uid in senders
    ]
    return count(np.array(losses))


def count(losses: npt.NDArray[Any]) -> Links:
    """Return the links by a matrix with a row for each model, a column for each sender's data.

    Of equally low losses, none is taken for a link.
    """
    own = losses.diagonal()
    others = losses + np.diag(np.full(len(own), np.inf))
    right = own < others.min(axis=1)
    return Links(int(right.sum()), len(own), len(own))
