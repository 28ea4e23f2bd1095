"""What a launcher does before it starts nodes: find mistakes, load what nodes share."""

from pathlib import Path
from typing import Any

from decentralizepy.run import preflight
from decentralizepy.run.experiment import Experiment


def prepare(experiment: Experiment, scratch: Path) -> None:
    """Find mistakes before anything starts, and load what all nodes share."""
    import torch

    from decentralizepy.run import fingerprint

    torch.set_num_threads(1)  # a pool of threads does not survive a fork
    args, parts = experiment.args, experiment.parts
    for each in (experiment.node_class, experiment.service_class):
        if prepare_node := getattr(each, "prepare", None):
            prepare_node(experiment.config, experiment.graph)
    comm, dataset = parts["COMMUNICATION"], parts["DATASET"]
    if args.engine == "process":
        experiment.comm_options = comm.cls.prepare(
            comm.options, experiment.mapping, args.machine_id, experiment.ranks, scratch
        )
    experiment.make_folders()
    dataset.cls.prepare(**dataset.options)
    rank = max(experiment.ranks)
    example = dataset.build(rank, args.machine_id, experiment.mapping)
    size = model_size(experiment, example)
    if args.engine == "process":
        preflight.check(experiment, size)
    experiment.fingerprint = fingerprint.take(experiment, example)


def model_size(experiment: Experiment, dataset: Any) -> int:
    """Return how many numbers the model has, after checking that nodes can train it."""
    from decentralizepy.models.flat import tensors
    from decentralizepy.run.rehearsal import rehearse

    model = rehearse(experiment, dataset)
    return sum(part.numel() for part in tensors(model).values())
