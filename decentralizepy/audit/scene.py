"""A finished run as an audit sees it: the data, the model, and what was received."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from decentralizepy import factory
from decentralizepy.config.signatures import parameters
from decentralizepy.datasets.Data import Data
from decentralizepy.errors import DataError
from decentralizepy.models.flat import Flat
from decentralizepy.models.lazy import materialize
from decentralizepy.node import process
from decentralizepy.randomness import DEFAULT_SEED
from decentralizepy.report.network import rebuilt
from decentralizepy.results import manifests, observed
from decentralizepy.results.observed import Floats, Observation

BATCH = 256
HUGE = 1e30  # the loss of a model with NaN or infinity


class Scene:
    """The data of all nodes, a model like theirs, and the observations of a run.

    Parameters
    ----------
    log_dirs : sequence of Path
        The log folder of each machine.

    Attributes
    ----------
    sections : dict of dict
        The sections of the INI file.
    model : torch.nn.Module
        Holds whichever vector was evaluated last.
    initial : array of float32, shape (N,)
        The model that all nodes start from.
    data : dict of int to Data
        The training samples of each node.
    tests : Data
        The test set, which no node is trained on.
    rounds : dict of int to list of int
        The rounds that each observer recorded.

    Raises
    ------
    DataError
        If there are no observations, or no test set.
    ConfigError
        If the run or its data cannot be loaded any more.
    """

    def __init__(self, log_dirs: Sequence[Path]) -> None:
        self.homes = {uid: dir for dir in log_dirs for uid in observed.rounds(dir)}
        if not self.homes:
            raise DataError(
                f"{log_dirs[0]}: nothing was observed; expected a run with a section "
                "[OBSERVER], such as --set OBSERVER.nodes=0"
            )
        self.rounds = {uid: observed.rounds(at)[uid] for uid, at in self.homes.items()}
        record = manifests.read(log_dirs[0])
        with rebuilt(log_dirs[0], record.get("folder", ".")) as experiment:
            self.sections, self.graph = experiment.config, experiment.graph
            section, mapping = self.sections["DATASET"], experiment.mapping
            self.seed = int(section.get("random_seed", DEFAULT_SEED))
            place = range(mapping.get_n_procs())
            build = functools.partial(factory.build, section, "dataset")
            self.data = {}
            for uid in place:
                node = build(*mapping.get_machine_and_rank(uid), mapping)
                self.data[uid] = joined(node.get_trainset(BATCH))
            if not node.__testing__:
                raise DataError(f"{log_dirs[0]}: no test set to compare with")
            self.tests = joined(node.get_testset())
            self.model = self._made(node)
        self.flat = Flat(self.model)
        self.initial: Floats = self.flat.vector().numpy().copy()
        self.loss = factory.load_loss(self.sections["TRAIN_PARAMS"])
        self._each = each_loss(self.loss)

    def _made(self, dataset: Any) -> torch.nn.Module:
        with process.initial_weights(self.seed):
            model: torch.nn.Module = dataset.make_model(
                factory.load_model(self.sections["DATASET"])
            )
            materialize(model, dataset)
        return model

    def observation(self, observer: int, number: int) -> Observation:
        """Return what an observer had learned by a round, as models.

        Raises
        ------
        DataError
            If the messages are differences, of which earlier ones are missing.
        """
        home = self.homes[observer]
        found = observed.read(home, observer, number)
        if found.kind != "q":
            return found
        if self.rounds[observer][:number] != [*range(1, number + 1)]:
            raise DataError(
                f"{home}: differences of rounds before {number} are missing"
            )
        sums = {uid: np.zeros_like(found.own) for uid in found.vectors}
        for earlier in range(1, number + 1):
            for uid, vector in observed.read(home, observer, earlier).vectors.items():
                sums[uid] = sums.get(uid, 0) + vector
        return replace(found, vectors=sums)

    def losses(self, vector: Floats, data: Data) -> npt.NDArray[np.float64]:
        """Return the loss of a model on each sample, of shape (n,)."""
        self.flat.load(self.flat.unflatten(torch.from_numpy(vector.copy())))
        found = []
        self.model.eval()
        with torch.no_grad():
            for start in range(0, len(data), BATCH):
                x, y = data[start : start + BATCH]
                values = self._each(self.model(x), y).reshape(len(y), -1).mean(1)
                found.append(values.double().numpy())
        values = np.concatenate(found)
        values[~np.isfinite(values)] = HUGE
        return values


def joined(batches: Iterable[Any]) -> Data:
    """Return the samples of all batches."""
    pairs = [(torch.as_tensor(x), torch.as_tensor(y)) for x, y in batches]
    x, y = zip(*pairs, strict=True)
    return Data(torch.cat(x), torch.cat(y))


def each_loss(loss: Any) -> Any:
    """Return a loss that has a value for each sample.

    Raises
    ------
    DataError
        If it only has a mean over a batch.
    """
    if isinstance(loss, torch.nn.Module) and hasattr(loss, "reduction"):
        each: Any = copy.copy(loss)
        each.reduction = "none"
        return each
    if "reduction" in parameters(loss):
        return functools.partial(loss, reduction="none")
    raise DataError(
        "[TRAIN_PARAMS] the loss has only a mean over a batch; expected one with an "
        "argument reduction, as those of torch.nn"
    )


def spaced(rounds: Sequence[int], most: int) -> list[int]:
    """Return at most so many rounds, evenly spaced, with the first and the last."""
    places = np.linspace(0, len(rounds) - 1, min(most, len(rounds))).round().astype(int)
    return [rounds[place] for place in dict.fromkeys(places.tolist())]
