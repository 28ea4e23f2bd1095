"""How many files and sockets each process of a run opens, counted before it starts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from decentralizepy.machine import cores

if TYPE_CHECKING:
    from decentralizepy.runs.experiment import Experiment

LATER = 1  # the launcher opens the mark of one more temporary folder before it forks
SIBLING = (
    2  # pipes that tell the launcher of a node's end; nodes that start later have them
)
OWN = 6  # a node's own two pipes, null device, log (twice) and results
MOMENTS = 8  # while results, checkpoints and notices are replaced
UNKNOWN = 32  # what a process has open where the system does not tell


class Need(NamedTuple):
    """How many descriptors a process needs at most, and which one it is."""

    files: int
    who: str


def most(experiment: Experiment) -> Need:
    """Return the need of the process of this machine that needs the most."""
    nodes, opened = len(experiment.ranks), opened_here() + LATER
    ports = experiment.free_ports or experiment.launchers
    held = nodes + 1 if ports else 0  # which nodes do not inherit
    count = opened + SIBLING * nodes + MOMENTS
    launcher = Need(count, f"the launcher of {nodes} nodes")
    return max(
        launcher, *of_nodes(experiment, opened - held), key=lambda each: each.files
    )


def of_nodes(experiment: Experiment, inherited: int) -> list[Need]:
    """Return what each node of this machine needs, in the order in which they start.

    Parameters
    ----------
    experiment
    inherited
        How many descriptors the first of them inherits from the launcher.
    """
    transport, nodes = experiment.parts["COMMUNICATION"], len(experiment.ranks)
    always = inherited + OWN + int(nodes > cores()) + MOMENTS
    found = []
    for place, rank in enumerate(experiment.ranks):
        known = peers(experiment, rank)
        links = transport.cls.descriptors(transport.options, known)
        who = f"a node with {known} peers, one of {nodes} on this machine,"
        found.append(Need(always + SIBLING * place + links, who))
    return found


def peers(experiment: Experiment, rank: int) -> int:
    """Return to how many peers a node or service of this machine is ever connected."""
    graph, service = experiment.graph, experiment.service_class is not None
    if rank < 0:
        return graph.n_procs
    if is_client(experiment):
        return 1
    everyone = service or getattr(experiment.node_class, "meets_all", False)
    if not graph.fixed or everyone:
        return graph.n_procs  # links of earlier rounds stay open
    uid = experiment.mapping.get_uid(rank, experiment.args.machine_id)
    return len(graph.neighbors(uid) | graph.in_neighbors(uid))


def is_client(experiment: Experiment) -> bool:
    """Return whether nodes only talk to a parameter server."""
    return getattr(experiment.node_class, "server_driven", False)


def opened_here() -> int:
    """Return how many descriptors this process has open."""
    try:
        return len(os.listdir("/proc/self/fd")) - 1  # that of the folder
    except OSError:
        return UNKNOWN
