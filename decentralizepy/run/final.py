"""Metrics over all final models: accuracy of their mean, and distance from it."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from decentralizepy import factory
from decentralizepy.errors import DataError
from decentralizepy.run.experiment import Experiment

State = dict[str, Any]
SHOWN = 5  # uids listed if weights are missing
SKEW_S = 60.0  # maximum clock difference between machines that share a folder


def measure(experiment: Experiment, folders: Sequence[Path] = ()) -> dict[str, float]:
    """Return the metrics of the final models, computed from the files of their weights.

    The mean model is the server's, or else the mean of all nodes' models. BatchNorm
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
    files = weights(experiment, folders)
    mean = mean_of(files)
    model, measured = tested(experiment, mean)
    if not experiment.served:
        names = [name for name, _ in model.named_parameters()]
        measured["consensus_distance"] = distance(files, mean, names)
    return measured


def weights(experiment: Experiment, folders: Sequence[Path] = ()) -> list[Path]:
    """Return the files of the final weights of the server, or of all nodes.

    Arguments and errors as for :func:`measure`.
    """
    args = experiment.args
    count = experiment.mapping.get_n_procs()
    uids = [args.server_rank] if experiment.served else range(count)
    last = args.iterations - 1
    places = folders or [Path(args.weights_store_dir)]
    started = 0.0 if folders else Path(args.log_dir, "args.json").stat().st_mtime
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


def mean_of(files: Sequence[Path]) -> State:
    """Return the mean of the state dicts in ``files``, computed in double precision."""
    first = _read(files[0])
    total = {
        name: value.to(torch.promote_types(value.dtype, torch.float64))
        for name, value in first.items()
        if isinstance(value, torch.Tensor)
        and (value.is_floating_point() or value.is_complex())
    }
    for path in files[1:]:
        state = _read(path)
        for name, value in total.items():
            value += state[name]
    mean = {name: value / len(files) for name, value in total.items()}
    return first | {name: value.to(first[name].dtype) for name, value in mean.items()}


def distance(files: Sequence[Path], mean: State, names: Sequence[str]) -> float:
    """Return the consensus distance: how far models are from their mean.

    The root mean square, over models, of the norm of their difference from ``mean`` in the
    tensors ``names``. Kong, Lin, Koloskova, Jaggi and Stich, Consensus
    Control for Decentralized Deep Learning, ICML 2021, section 3.
    """
    squares = 0.0
    for path in files:
        state = _read(path)
        for name in names:
            gap = (state[name] - mean[name]).abs().double()
            squares += float(gap.square().sum())
    return math.sqrt(squares / len(files))


def tested(
    experiment: Experiment, state: State
) -> tuple[torch.nn.Module, dict[str, float]]:
    """Return a model with ``state``, and its accuracy and loss on the test set."""
    config = experiment.config
    section = config["DATASET"]
    if section.get("train_dir") and section.get("test_dir"):
        # as a server, which has no part to train on
        section = {**section, "train_dir": ""}
    place = (-1, experiment.args.machine_id, experiment.mapping)
    dataset = factory.build(section, "dataset", *place)
    model = dataset.make_model(
        factory.load(section["dataset_package"], section["model_class"])
    )
    model.load_state_dict(state)
    if (
        not dataset.__testing__
        or experiment.args.test_after > experiment.args.iterations
    ):
        return model, {}
    wanted = config["TRAIN_PARAMS"].get("device", "cpu") != "cpu"
    model.to("cuda" if wanted and torch.cuda.is_available() else "cpu")
    accuracy, loss = dataset.test(model, factory.load_loss(config["TRAIN_PARAMS"]))
    return model, {"mean_model_acc": accuracy, "mean_model_loss": loss}


def _since(started: float, path: Path) -> bool:
    """Return whether a file exists and is not from an earlier run."""
    return path.exists() and path.stat().st_mtime >= started - SKEW_S


def _read(path: Path) -> State:
    state: State = torch.load(path, map_location="cpu", weights_only=True)
    return state
