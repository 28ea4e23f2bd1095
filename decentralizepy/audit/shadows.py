"""The likelihood-ratio attack with shadow models (LiRA)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from decentralizepy import factory
from decentralizepy.audit.membership import Scores, Victim
from decentralizepy.audit.scene import Scene
from decentralizepy.datasets.batches import Batches
from decentralizepy.datasets.Data import Data
from decentralizepy.node import process
from decentralizepy.randomness import Purpose, derive_seed, stream

Array = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
SPREAD = 1e-6  # added to a standard deviation, which may be 0


class Shadows:
    """Models that are each trained on a random half of the samples in question.

    They start from the initial model of the run. With phi the logit of a sample's
    likelihood ``p = exp(-loss)``, its values over the models that were trained on the
    sample, and over those that were not, are taken as normal; the score is the logarithm
    of the ratio of their densities. All samples have the same two standard deviations, as
    for few shadows. Carlini, Chien, Nasr, Song, Terzis and Tramer, Membership Inference
    Attacks From First Principles, S&P 2022, algorithm 1 and section VI.C.

    Parameters
    ----------
    scene : Scene
    target : Victim
    shadows : int
        How many, an even number: of two, each is trained on what the other is not.
    steps : int
        Mini-batches that each is trained on.
    """

    def __init__(self, scene: Scene, target: Victim, shadows: int, steps: int) -> None:
        self.scene, self.count = scene, len(target.members)
        pairs = zip(target.members[:], target.others[:], strict=True)
        self.pool = Data(*(torch.cat(parts) for parts in pairs))
        drawn = halves(scene.seed, target.uid, len(self.pool), shadows)
        self.inside = np.array([*drawn])
        values = []
        for number, mask in enumerate(self.inside):
            seed = derive_seed(Purpose.SHADOWS, scene.seed, target.uid, number)
            half = Data(*self.pool[np.flatnonzero(mask)])
            values.append(self._phi(train(scene, half, steps, seed)))
        self.values = np.array(values)

    def scores(self, vector: Any) -> Scores:
        """Return how likely each sample of the victim is a member of a model."""
        scores = ratio(self._phi(vector), self.values, self.inside)
        return Scores(scores[: self.count], scores[self.count :])

    def _phi(self, vector: Any) -> Array:
        return logit(self.scene.losses(vector, self.pool))


def halves(seed: int, uid: int, count: int, shadows: int) -> Iterator[Bools]:
    """Yield which samples each shadow model is trained on, in pairs that complete each other."""
    for pair in range(shadows // 2):
        draws = stream(Purpose.SHADOWS, seed, uid, round=pair)
        mask = draws.permutation(count) < count // 2
        yield mask
        yield ~mask


def logit(losses: Array) -> Array:
    """Return ``log(p / (1 - p))`` of ``p = exp(-loss)``."""
    clipped = np.clip(losses, 1e-12, 1e3)
    logits: Array = -clipped - np.log(-np.expm1(-clipped))
    return logits


def ratio(value: Array, shadows: Array, inside: Bools) -> Array:
    """Return the logarithm of the ratio of densities, of shape (n,).

    Parameters
    ----------
    value : array, shape (n,)
        phi of the model under attack.
    shadows : array, shape (s, n)
        phi of each shadow model.
    inside : array of bool, shape (s, n)
        Whether it was trained on the sample.
    """
    densities = []
    for mask in (inside, ~inside):
        mean = np.average(shadows, axis=0, weights=mask)
        spread = np.sqrt(np.average((shadows - mean) ** 2, weights=mask)) + SPREAD
        densities.append(-(((value - mean) / spread) ** 2) / 2 - np.log(spread))
    score: Array = densities[0] - densities[1]
    return score


def train(scene: Scene, data: Data, steps: int, seed: int) -> Any:
    """Return the vector of a model that is trained on ``data`` as a node would be."""
    section = scene.sections["TRAIN_PARAMS"]
    loss = factory.load_loss(section)
    scene.flat.load(scene.flat.unflatten(torch.from_numpy(scene.initial.copy())))
    config = dict(scene.sections["OPTIMIZER_PARAMS"])
    config.pop("decay_norm_and_bias", None)
    optimizer = factory.build(config, "optimizer", scene.model.parameters())
    scene.model.train()
    size = min(int(section.get("batch_size") or 1), len(data))
    with process.initial_weights(seed):  # of dropout, here
        done = 0
        while done < steps:
            for x, y in Batches(data, size, torch.default_generator):
                optimizer.zero_grad()
                loss(scene.model(x), y).backward()
                optimizer.step()
                done += 1
                if done == steps:
                    break
    return scene.flat.vector().detach().numpy().copy()
