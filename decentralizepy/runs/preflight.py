"""Estimates, before any process starts, whether this machine can accommodate a run."""

from __future__ import annotations

import os
import resource
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from decentralizepy.config.signatures import is_ours
from decentralizepy.errors import ConfigError
from decentralizepy.machine import Free, Machine, cores
from decentralizepy.results.columns import FILES as MANY
from decentralizepy.runs import descriptors, recordings
from decentralizepy.runs.descriptors import is_client
from decentralizepy.runs.example import example_of

if TYPE_CHECKING:
    from decentralizepy.graphs.Graph import Graph
    from decentralizepy.runs.experiment import Experiment

MIB = 1 << 20
# Measured with models of 5 thousand to 17 million numbers: what a process does not share
# (14 to 18 MiB with the smallest model), and what a node adds to a process of many.
PROCESS_MEMORY, NODE_MEMORY = 20 * MIB, MIB // 2
# what a node adds whose rounds are run at once with those of others, besides two models
ROW_MEMORY = 16 << 10
MODELS = 8  # weights, gradients, buffers of the encoding and averaging, ...
THREADS = 6  # of a process
FILES, FILES_PER_NODE = 32, 2  # of a process of many nodes
ROW = 300  # bytes per round in both results files
CELLS = 60  # bytes per round in one file for all nodes
FORCE = "; --force starts anyway"
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
    for note in recordings.notes(experiment, numbers):
        print(note)
    found = examine(experiment, numbers)
    if getattr(experiment.args, "force", False):
        for each in found:
            print(f"warning: {each}", file=sys.stderr)
    elif found:
        ways = _ways(experiment, numbers)
        raise ConfigError(
            "\n".join(each + ways.get(_kind(each), FORCE) for each in found)
        )


def _ways(experiment: Experiment, numbers: int) -> dict[str, str]:
    """Return what to do about each kind of resource that --engine packed has enough of."""
    args, comm = experiment.args, experiment.parts["COMMUNICATION"].cls
    if _engine(experiment) != "process" or args.machines > 1 or not is_ours(comm):
        return {}
    lacking = set(map(_kind, examine(experiment, numbers, engine="packed")))
    way = f"; --engine packed does with less{FORCE.replace(';', ',')}"
    return dict.fromkeys({"memory", "processes", "open files"} - lacking, way)


def _kind(finding: str) -> str:
    return finding.partition(":")[0]


def _engine(experiment: Experiment) -> str:
    return str(getattr(experiment.args, "engine", "process"))


class Load(NamedTuple):
    """What the nodes of this machine need, of whichever engine.

    ``processes`` is the number of them, ``memory`` their bytes in all, ``files`` what one
    of them opens, and ``who`` describes it.
    """

    nodes: int
    processes: int
    memory: int
    files: int
    who: str

    @classmethod
    def of(cls, experiment: Experiment, model: int, engine: str) -> Load:
        """Return the load of an experiment with a model of ``model`` bytes."""
        nodes = len(experiment.ranks)
        if engine == "process":
            memory = nodes * (PROCESS_MEMORY + models(experiment) * model)
            files, who = descriptors.most(experiment)
            return cls(nodes, nodes, memory, files, who)
        chosen = getattr(experiment.args, "workers", 0) or cores()
        workers = 1 if engine == "debug" else min(chosen, nodes)
        share = -(-nodes // workers)
        # messages are shared, and only one node at a time trains or averages
        memory = workers * PROCESS_MEMORY + nodes * (NODE_MEMORY + MODELS * model)
        files, who = FILES + FILES_PER_NODE * share, f"a process with {share} nodes"
        if engine == "packed" and runs_at_once(experiment):
            memory = workers * PROCESS_MEMORY + nodes * (ROW_MEMORY + 2 * model)
            files = FILES
        return cls(nodes, workers, memory, files, who)


def examine(
    experiment: Experiment,
    numbers: int,
    machine: Machine | None = None,
    engine: str = "",
) -> list[str]:
    """Return what this machine lacks for its part of a run, one line per resource."""
    machine, model = machine or Machine(), 4 * numbers
    load = Load.of(experiment, model, engine or _engine(experiment))
    return [
        *memory(load, model, machine.memory()),
        *threads(load, machine.threads()),
        *threads(load, user_threads()),
        *files(load, resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
        *disk(experiment, model),
        *recordings.too_large(experiment, numbers),
    ]


def memory(load: Load, model: int, free: Free | None) -> Iterator[str]:
    """Yield a message if the nodes need more bytes than are ``free``."""
    if free and load.memory > free.amount:
        yield (
            f"memory: {load.nodes} nodes need about {_mib(load.memory)},"
            f" {_mib(load.memory / load.nodes)} each (a model has {_mib(model)}), but"
            f" {_mib(free.amount)} are free ({free.where})"
        )


def threads(load: Load, free: Free | None) -> Iterator[str]:
    """Yield a message if the nodes need more threads than are allowed."""
    need = load.processes * THREADS
    if free and need > free.amount:
        yield (
            f"processes: {load.nodes} nodes need about {need} processes and"
            f" threads, but {free.amount} more are allowed ({free.where})"
        )


def files(load: Load, limit: int) -> Iterator[str]:
    """Yield a message if a process needs more files and sockets than are allowed."""
    if limit != resource.RLIM_INFINITY and load.files > limit:
        yield (
            f"open files: {load.who} needs {load.files} files and sockets, but"
            f" {limit} are allowed (ulimit -Hn)"
        )


def disk(experiment: Experiment, model: int) -> Iterator[str]:
    """Yield a message if the run's files need more disk space than is free."""
    args, nodes = experiment.args, len(experiment.ranks)
    row = CELLS if nodes > MANY and runs_at_once(experiment) else ROW
    every = getattr(args, "checkpoint_every", 0)
    kept = min(CHECKPOINTS, args.iterations // every) if every else 0
    needs = {
        args.log_dir: nodes * (args.iterations * row + kept * STATES * model),
        args.weights_store_dir: nodes * model,
    }
    needs[args.log_dir] += recordings.size(experiment, model // 4)
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


def runs_at_once(experiment: Experiment) -> bool:
    """Return whether workers run the rounds of all their nodes at once."""
    args = experiment.args
    if _engine(experiment) != "packed" or getattr(args, "batched", "off") == "off":
        return False
    return not example_of(experiment.specs()[0])[1]


def models(experiment: Experiment) -> int:
    """Return how many models a node holds in memory, in whatever form, on average."""
    if is_client(experiment):
        return MODELS + 2  # the server's; and the server has one of each client
    drawn = experiment.config.get("NODE", {}).get("graph_degree")
    return MODELS + int(drawn or largest_degree(experiment.graph))


def largest_degree(graph: Graph) -> int:
    """Return the largest number of neighbors that a node has in a round."""
    both = (
        graph.neighbors(uid) | graph.in_neighbors(uid) for uid in graph.get_all_nodes()
    )
    return max(map(len, both), default=0)


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
