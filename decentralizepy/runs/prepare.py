"""What a launcher does before it starts nodes: find mistakes, load what nodes share."""

from pathlib import Path
from typing import Any

from decentralizepy.config.signatures import is_ours
from decentralizepy.errors import ConfigError, of_ini
from decentralizepy.randomness import seed_of
from decentralizepy.runs import preflight
from decentralizepy.runs.experiment import Experiment
from decentralizepy.runs.resume import split


def prepare(experiment: Experiment) -> None:
    """Find mistakes before anything starts, and load what all nodes share."""
    from decentralizepy.runs import fingerprint

    prepare_nodes(experiment)
    experiment.make_folders()
    example, size = load(experiment)
    preflight.check(experiment, size)
    experiment.fingerprint = fingerprint.take(experiment, example)


def prepare_nodes(experiment: Experiment) -> None:
    """Let the node classes find mistakes in the sections and the graph."""
    with of_ini(experiment.args.config_file):
        for each in (experiment.node_class, experiment.service_class):
            if prepare_node := getattr(each, "prepare", None):
                prepare_node(experiment.config, experiment.graph)


def load(experiment: Experiment) -> tuple[Any, int]:
    """Load what all nodes share, and find mistakes in it.

    Returns
    -------
    example
        The data set as a node has it.
    size : int
        How many numbers the model has.
    """
    import torch

    torch.set_num_threads(1)  # a pool of threads does not survive a fork
    args, dataset = experiment.args, experiment.parts["DATASET"]
    dataset.cls.prepare(**dataset.options)
    rank = max(experiment.ranks)
    example = dataset.build(rank, args.machine_id, experiment.mapping)
    experiment.seed = seed_of(example)
    with of_ini(args.config_file):
        return example, model_size(experiment, example)


def prepare_transport(experiment: Experiment, scratch: Path) -> None:
    """Have the transport check its options; in one process there is none.

    Raises
    ------
    ConfigError
        If the engine cannot run nodes of several machines, or of a user's transport.
    """
    args, comm = experiment.args, experiment.parts["COMMUNICATION"]
    if args.engine == "process":
        options = {**comm.options, **experiment.free_ports}
        experiment.comm_options = comm.cls.prepare(
            options, experiment.mapping, args.machine_id, experiment.ranks, scratch
        )
        return
    if args.machines > 1:
        expected = f"process, with -ms {args.machines}"
        raise ConfigError(key="--engine", value=args.engine, expected=expected)
    if not is_ours(comm.cls):
        raise ConfigError(
            f"--engine {args.engine} keeps messages in memory, without this class",
            file=args.config_file,
            section="COMMUNICATION",
            key="comm_class",
            value=comm.cls.__name__,
            expected="one of this package, or --engine process",
        )


def model_size(experiment: Experiment, dataset: Any) -> int:
    """Return how many numbers the model has, after checking that nodes can train it."""
    from decentralizepy.models.flat import tensors
    from decentralizepy.runs.rehearsal import rehearse

    model = rehearse(experiment, dataset)
    return sum(part.numel() for part in tensors(model).values())


def resume(experiment: Experiment) -> None:
    """Resume from the newest round for which all nodes have a checkpoint."""
    _, chosen = split(experiment.args.resume)
    number = experiment.start_from_checkpoints(chosen)
    if number:
        print(f"resuming after round {number}")
