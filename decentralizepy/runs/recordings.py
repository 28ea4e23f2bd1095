"""How much the nodes of section OBSERVER will record, and whether it may be so much."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from decentralizepy.config.observers import SECTION, observer_uids
from decentralizepy.results import observed

if TYPE_CHECKING:
    from decentralizepy.runs.experiment import Experiment

MIB = 1 << 20
MAX_MIB = 1024.0


def size(experiment: Experiment, numbers: int) -> int:
    """Return at most how many bytes this machine's observers will write.

    ``numbers`` is the size of the model. On a graph that changes, every other node counts
    as a sender.
    """
    return sum(
        _rounds(experiment) * observed.size(numbers, _senders(experiment, uid))
        for uid in here(experiment)
    )


def here(experiment: Experiment) -> list[int]:
    """Return the uids of the observers that run on this machine."""
    if SECTION not in experiment.config:
        return []
    mapping, machine = experiment.mapping, experiment.args.machine_id
    own = {mapping.get_uid(rank, machine) for rank in experiment.ranks}
    return [uid for uid in observer_uids(experiment.config) if uid in own]


def _senders(experiment: Experiment, uid: int) -> int:
    # imported late, as it imports torch
    from decentralizepy.node.LiveNode import LiveNode

    graph = experiment.graph
    peers = getattr(experiment.node_class, "initial_peers", None)
    if uid >= 0 and graph.fixed and peers is LiveNode.initial_peers:
        return len(graph.in_neighbors(uid))
    return int(graph.n_procs)


def too_large(experiment: Experiment, numbers: int) -> Iterator[str]:
    """Yield a message if observers would write more than ``max_mib``."""
    most = experiment.config.get(SECTION, {}).get("max_mib", MAX_MIB)
    need = size(experiment, numbers) / MIB
    if need > most:
        rounds = int(_rounds(experiment) * most / need)
        every = -(-experiment.args.iterations // rounds) if rounds else 0
        yield (
            f"[OBSERVER] max_mib = {most:g}: the observers of this machine would write "
            f"{need:.0f} MiB" + (f"; every = {every} would fit" if rounds else "")
        )


def _rounds(experiment: Experiment) -> int:
    """Return how many rounds are recorded."""
    every = experiment.config.get(SECTION, {}).get("every", 1)
    return -int(-experiment.args.iterations // every)


def notes(experiment: Experiment, numbers: int) -> Iterator[str]:
    """Yield how much will be recorded, and where."""
    if uids := here(experiment):
        listed = ", ".join(map(str, uids))
        mib = size(experiment, numbers) / MIB
        yield (
            f"note: observers {listed} record up to {mib:.3g} MiB of received models in "
            f"{experiment.args.log_dir}/{observed.FOLDER}"
        )
