"""Estimates, before any process starts, whether this machine can accommodate a run."""

from __future__ import annotations

import os
import resource
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from decentralizepy.errors import ConfigError
from decentralizepy.run.machine import Free, Machine

if TYPE_CHECKING:
    from decentralizepy.graphs.Graph import Graph
    from decentralizepy.run.experiment import Experiment

MIB = 1 << 20
# Measured with 2 to 4 nodes, and models of 10 to 17 million numbers. Memory is what a
# node does not share: 17 MiB with the smallest model; 10 to 20 models with larger ones.
NODE_MEMORY = 32 * MIB
MODELS = 8  # weights, gradients, buffers of the encoding and averaging, ...
THREADS = 6
FILES, FILES_PER_PEER, FILES_PER_NODE = 32, 5, 2
ROW = 300  # bytes per round in both results files
CHECKPOINTS, STATES = 3, 2  # number kept; size of each, in models


def check(experiment: Experiment, numbers: int) -> None:
    """Raise one ConfigError with a line for each resource that this machine lacks.

    With ``--force`` these are warnings. The soft limit of open files is raised to the hard
    one.

    Parameters
    ----------
    experiment
        The experiment; its folders must exist.
    numbers
        How many numbers the model has, of 4 bytes each.
    """
    raise_limit(resource.RLIMIT_NOFILE)
    found = examine(experiment, numbers)
    if getattr(experiment.args, "force", False):
        for each in found:
            print(f"warning: {each}", file=sys.stderr)
    elif found:
        raise ConfigError("\n".join(f"{each}; --force starts anyway" for each in found))


def examine(
    experiment: Experiment, numbers: int, machine: Machine | None = None
) -> list[str]:
    """Return what this machine lacks for its part of a run, one line per resource."""
    machine = machine or Machine()
    nodes, model = len(experiment.ranks), 4 * numbers
    return [
        *memory(nodes, model, models(experiment), machine.memory()),
        *threads(nodes, machine.threads()),
        *threads(nodes, user_threads()),
        *files(nodes, peers(experiment), resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
        *disk(experiment, model),
    ]


def memory(nodes: int, model: int, models: int, free: Free | None) -> Iterator[str]:
    """Yield a message if the nodes need more bytes than are ``free``."""
    each = NODE_MEMORY + models * model
    if free and nodes * each > free.amount:
        yield (
            f"memory: {nodes} nodes need about {_mib(nodes * each)}, {_mib(each)} each"
            f" (a model has {_mib(model)}), but {_mib(free.amount)} are free"
            f" ({free.where})"
        )


def threads(nodes: int, free: Free | None) -> Iterator[str]:
    """Yield a message if the nodes need more threads than are allowed."""
    if free and nodes * THREADS > free.amount:
        yield (
            f"processes: {nodes} nodes need about {nodes * THREADS} processes and"
            f" threads, but {free.amount} more are allowed ({free.where})"
        )


def files(nodes: int, peers: int, limit: int) -> Iterator[str]:
    """Yield a message if a node needs more files and sockets than are allowed."""
    need = FILES + FILES_PER_PEER * peers + FILES_PER_NODE * nodes
    if limit != resource.RLIM_INFINITY and need > limit:
        yield (
            f"open files: a node with {peers} peers, one of {nodes} on this machine,"
            f" needs about {need} files and sockets, but {limit} are allowed (ulimit -Hn)"
        )


def disk(experiment: Experiment, model: int) -> Iterator[str]:
    """Yield a message if the run's files need more disk space than is free."""
    args, nodes = experiment.args, len(experiment.ranks)
    every = getattr(args, "checkpoint_every", 0)
    kept = min(CHECKPOINTS, args.iterations // every) if every else 0
    needs = {
        args.log_dir: nodes * (args.iterations * ROW + kept * STATES * model),
        args.weights_store_dir: nodes * model,
    }
    devices: dict[int, list[str]] = {}
    for folder in needs:
        devices.setdefault(_existing(folder).stat().st_dev, []).append(folder)
    for folders in devices.values():
        need = sum(needs[folder] for folder in folders)
        free = shutil.disk_usage(_existing(folders[0])).free
        if need > free:
            yield (
                f"disk: {' and '.join(folders)} need about {_mib(need)}, but"
                f" {_mib(free)} are free"
            )


def peers(experiment: Experiment) -> int:
    """Return the largest number of peers that a node here is ever connected to."""
    graph, service = experiment.graph, experiment.service_class is not None
    if min(experiment.ranks, default=0) < 0:
        return graph.n_procs
    if _is_client(experiment):
        return 1
    # links of earlier rounds stay open
    return largest_degree(graph) if graph.fixed and not service else graph.n_procs


def models(experiment: Experiment) -> int:
    """Return how many models a node holds in memory, in whatever form, on average."""
    if _is_client(experiment):
        return MODELS + 2  # the server's; and the server has one of each client
    drawn = experiment.config.get("NODE", {}).get("graph_degree")
    return MODELS + int(drawn or largest_degree(experiment.graph))


def largest_degree(graph: Graph) -> int:
    """Return the largest number of neighbors that a node has in a round."""
    both = (
        graph.neighbors(uid) | graph.in_neighbors(uid) for uid in graph.get_all_nodes()
    )
    return max(map(len, both), default=0)


def _is_client(experiment: Experiment) -> bool:
    """Return whether nodes only talk to a parameter server."""
    return getattr(experiment.node_class, "server_driven", False)


def user_threads() -> Free | None:
    """Return how many processes and threads this user may still start; None if any."""
    limit = raise_limit(resource.RLIMIT_NPROC)
    if limit == resource.RLIM_INFINITY or os.geteuid() == 0:
        return None
    import psutil

    running = sum(
        each.info["num_threads"] or 0
        for each in psutil.process_iter(["num_threads", "uids"])
        if each.info["uids"] and each.info["uids"].real == os.getuid()
    )
    return Free(max(0, limit - running), "ulimit -Hu")


def raise_limit(kind: int) -> int:
    """Raise this process's soft limit to the hard one, if possible; return it."""
    hard = resource.getrlimit(kind)[1]
    with suppress(ValueError, OSError):  # macOS has an additional, lower limit
        resource.setrlimit(kind, (hard, hard))
    return resource.getrlimit(kind)[0]


def _existing(folder: str) -> Path:
    path = Path(folder).absolute()
    return next(each for each in (path, *path.parents) if each.exists())


def _mib(count: float) -> str:
    return f"{count / MIB:,.1f} MiB" if count >= MIB else f"{count / 1024:,.1f} KiB"
