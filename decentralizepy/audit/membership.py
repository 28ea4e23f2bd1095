"""Membership inference: which samples was the sender of a model trained on?"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from decentralizepy.audit.scene import Scene
from decentralizepy.datasets.Data import Data
from decentralizepy.randomness import Purpose, stream

Array = npt.NDArray[np.float64]
RATE = 0.001
"""The false-positive rate at which the true-positive rate is reported."""


class Victim(NamedTuple):
    """A node under attack.

    Attributes
    ----------
    uid : int
    members, others : Data
        Samples that it is trained on, and samples that no node is trained on; with equally
        many of each label, so that labels alone tell nothing.
    """

    uid: int
    members: Data
    others: Data


class Scores(NamedTuple):
    """How likely each sample is a member, by an attack; only their order counts."""

    members: Array
    others: Array


class Curve(NamedTuple):
    """A receiver operating characteristic.

    Attributes
    ----------
    fpr, tpr : array
    auc : float
        0.5 for an attack that guesses.
    tpr_at_rate : float
        The highest true-positive rate at no more than 0.1 % false positives.
    others : int
        How many samples are no members; with fewer than 1,000, 0.1 % means none at all.
    """

    fpr: Array
    tpr: Array
    auc: float
    tpr_at_rate: float
    others: int

    @property
    def is_resolved(self) -> bool:
        """Whether there are enough samples for a rate of 0.1 %."""
        return self.others * RATE >= 1


def victim(scene: Scene, uid: int, most: int) -> Victim:
    """Return at most ``most`` members and as many others, drawn with the run's seed."""
    draws = stream(Purpose.AUDIT, scene.seed, uid)
    members, others = scene.data[uid], scene.tests
    ours, theirs = alike(labels(members), labels(others), most, draws)
    return Victim(uid, Data(*members[ours]), Data(*others[theirs]))


def labels(data: Data) -> npt.NDArray[Any]:
    """Return one label for each sample; 0 for all if they are not classes."""
    y = data.y.numpy()
    return y if y.ndim == 1 and y.dtype.kind in "iu" else np.zeros(len(y), np.int64)


def alike(
    ours: npt.NDArray[Any],
    theirs: npt.NDArray[Any],
    most: int,
    draws: np.random.Generator,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return places in two arrays of labels with equally many of each label in both."""
    ours_at = draws.permutation(len(ours))
    theirs_at = draws.permutation(len(theirs))
    chosen: list[tuple[Any, Any]] = []
    for label in np.unique(ours).tolist():
        mine = ours_at[ours[ours_at] == label]
        other = theirs_at[theirs[theirs_at] == label]
        chosen += zip(mine, other, strict=False)
    chosen = [chosen[place] for place in draws.permutation(len(chosen))[:most]]
    places = np.array(chosen, np.int64).reshape(-1, 2)
    return places[:, 0], places[:, 1]


def by_loss(scene: Scene, vector: Any, target: Victim) -> Scores:
    """Return the scores of the loss threshold: the lower the loss, the likelier a member.

    Yeom, Giacomelli, Fredrikson and Jha, Privacy Risk in Machine Learning, CSF 2018.
    """
    members = -scene.losses(vector, target.members)
    return Scores(members, -scene.losses(vector, target.others))


def joined(scores: list[Scores]) -> Scores:
    """Return the scores of several victims as if they were of one."""
    members, others = zip(*scores, strict=True)
    return Scores(np.concatenate(members), np.concatenate(others))


def curve(scores: Scores) -> Curve:
    """Return the ROC of scores: one threshold for all of them."""
    from sklearn.metrics import auc, roc_curve

    members, others = scores
    truth = np.repeat([1, 0], [len(members), len(others)])
    values = np.concatenate(scores)
    fpr, tpr, _ = roc_curve(truth, values, drop_intermediate=False)
    low = float(tpr[fpr <= RATE].max())
    return Curve(fpr, tpr, float(auc(fpr, tpr)), low, len(others))
