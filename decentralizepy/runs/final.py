"""Metrics over the models of all nodes: accuracy of their mean, and distance from it."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch

from decentralizepy import factory
from decentralizepy.attacks.byzantine import byzantine_uids
from decentralizepy.errors import DataError
from decentralizepy.models.flat import tensors
from decentralizepy.node.many_weights import ManyWeights
from decentralizepy.runs.experiment import Experiment

State = dict[str, Any]
SHOWN = 5  # uids listed if weights are missing
SKEW_S = 60.0  # maximum clock difference between machines that share a folder


def measure(experiment: Experiment, folders: Sequence[Path] = ()) -> dict[str, float]:
    """Return the metrics of the final models, computed from the files of their weights.

    The mean model is the server's, or else the mean of all honest nodes' models. BatchNorm
    statistics are averaged like all floating-point numbers, not re-estimated; integers are
    taken from the first node.

    Parameters
    ----------
    experiment
    folders
        Where the weights of this run are; by default, where this run writes them, without
        those of an earlier run.

    Returns
    -------
    dict
        ``mean_model_acc`` (percent) and ``mean_model_loss`` on the test set, if the run
        tests at all; without a server also ``consensus_distance``: see :func:`distance`.

    Raises
    ------
    DataError
        If the weights of a node are missing, as with several machines that do not share
        a folder.
    """
    test = MeanTest(experiment)
    return test.measure(saved(experiment, test.model, folders))


class Models(Protocol):
    """The state dicts of some models, which can be read more than once."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[State]: ...


class Saved:
    """The state dicts in ``files``."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = files

    def __len__(self) -> int:
        return len(self.files)

    def __iter__(self) -> Iterator[State]:
        for path in self.files:
            yield torch.load(path, map_location="cpu", weights_only=True)


class MeanTest:
    """Tests the mean of models.

    Parameters
    ----------
    experiment
    device : str, optional
        By default that of section TRAIN_PARAMS, or the CPU if there is no such device.

    Attributes
    ----------
    model : torch.nn.Module
        One like those of the nodes.
    """

    def __init__(self, experiment: Experiment, device: str = "") -> None:
        self.experiment, config = experiment, experiment.config
        section = config["DATASET"]
        if section.get("train_dir") and section.get("test_dir"):
            # as a server, which has no part to train on
            section = {**section, "train_dir": ""}
        place = (-1, experiment.args.machine_id, experiment.mapping)
        self.dataset = factory.build(section, "dataset", *place)
        self.model = self.dataset.make_model(factory.load_model(section))
        wanted = config["TRAIN_PARAMS"].get("device", "cpu") != "cpu"
        found = "cuda" if wanted and torch.cuda.is_available() else "cpu"
        self.device = device or found

    def measure(self, models: Models) -> dict[str, float]:
        """Return the metrics of ``models``; see :func:`measure`."""
        mean = mean_of(models)
        measured = self.test(mean)
        if not self.experiment.served:
            names = [name for name, _ in self.model.named_parameters()]
            measured["consensus_distance"] = distance(models, mean, names)
        return measured

    def test(self, state: State) -> dict[str, float]:
        """Return accuracy and loss of a model with ``state``, if the run tests at all."""
        self.model.load_state_dict({**self.model.state_dict(), **state})
        args = self.experiment.args
        if not self.dataset.__testing__ or args.test_after > args.iterations:
            return {}
        self.model.to(self.device)
        loss = factory.load_loss(self.experiment.config["TRAIN_PARAMS"])
        accuracy, loss = self.dataset.test(self.model, loss)
        return {"mean_model_acc": accuracy, "mean_model_loss": loss}


def saved(
    experiment: Experiment, model: torch.nn.Module, folders: Sequence[Path] = ()
) -> Models:
    """Return the final models, which are like ``model``; other arguments as above."""
    last = experiment.rounds_done - 1
    for folder in _places(experiment, folders):
        together = ManyWeights(folder, last, tensors(model))
        if _since(_started(experiment, folders), together.path):
            return together
    return Saved(weights(experiment, folders))


def weights(experiment: Experiment, folders: Sequence[Path] = ()) -> list[Path]:
    """Return the files of the final weights of the server, or of all nodes.

    Arguments and errors as for :func:`measure`.
    """
    args = experiment.args
    count = experiment.mapping.get_n_procs()
    byzantine = byzantine_uids(experiment.config, experiment.graph)
    honest = [uid for uid in range(count) if uid not in byzantine]
    uids = [args.server_rank] if experiment.served else honest
    last = experiment.rounds_done - 1
    places = _places(experiment, folders)
    started = _started(experiment, folders)
    files = {
        uid: path
        for uid in uids
        for folder in places
        if _since(started, path := folder / f"{last}_weight_{uid}.pt")
    }
    if missing := [uid for uid in uids if uid not in files]:
        listed = ", ".join(map(str, missing[:SHOWN])) + ", ..." * (len(missing) > SHOWN)
        raise DataError(
            f"has no final weights of this run of uid {listed}",
            file=", ".join(map(str, places)),
        )
    return [*files.values()]


def mean_of(models: Models) -> State:
    """Return the mean of models, computed in double precision."""
    states = iter(models)
    first = next(states)
    total = {
        name: value.to(torch.promote_types(value.dtype, torch.float64))
        for name, value in first.items()
        if isinstance(value, torch.Tensor)
        and (value.is_floating_point() or value.is_complex())
    }
    for state in states:
        for name, value in total.items():
            value += state[name]
    mean = {name: value / len(models) for name, value in total.items()}
    return first | {name: value.to(first[name].dtype) for name, value in mean.items()}


def distance(models: Models, mean: State, names: Sequence[str]) -> float:
    """Return the consensus distance: how far models are from their mean.

    The root mean square, over models, of the norm of their difference from ``mean`` in the
    tensors ``names``. Kong, Lin, Koloskova, Jaggi and Stich, Consensus
    Control for Decentralized Deep Learning, ICML 2021, section 3.
    """
    squares = 0.0
    for state in models:
        for name in names:
            gap = (state[name] - mean[name]).abs().double()
            squares += float(gap.square().sum())
    return math.sqrt(squares / len(models))


def _places(experiment: Experiment, folders: Sequence[Path]) -> Sequence[Path]:
    return folders or [Path(experiment.args.weights_store_dir)]


def _started(experiment: Experiment, folders: Sequence[Path]) -> float:
    """Return when the run began, if only its files count."""
    args = Path(experiment.args.log_dir, "args.json")
    return 0.0 if folders else args.stat().st_mtime


def _since(started: float, path: Path) -> bool:
    """Return whether a file exists and is not from an earlier run."""
    return path.exists() and path.stat().st_mtime >= started - SKEW_S
