"""The mean of a measurement over all nodes, on which they agree without a server."""

from typing import Any

from decentralizepy.errors import ConfigError
from decentralizepy.graphs.Graph import Graph
from decentralizepy.node._counters import uncounted
from decentralizepy.once import once

ROOT = 0


def mean_over_nodes(node: Any, value: float | None) -> float:
    """Return the mean of the values of all nodes, the same to the bit on each.

    Sums travel up a spanning tree of the graph to node 0, and the mean back down, so that
    all nodes wait for each other. These messages are not in the counters of bytes.

    Parameters
    ----------
    node : Rounds
    value : float or None
        None if this node has not measured it.

    Returns
    -------
    float
        NaN if no node has measured it, or one is NaN.
    """
    uid, above = node.uid, parents(node.graph)
    parent = above[uid]
    children = {each for each, other in enumerate(above) if other == uid} - {ROOT}
    with uncounted(node.communication):
        node.meet(children if uid == ROOT else children | {parent})
        total, count = value or 0.0, int(value is not None)
        for _, (theirs, nodes) in sorted(_receive(node, children).items()):
            total, count = total + theirs, count + nodes
        if uid != ROOT:
            _send(node, {parent}, total, count)
            total, count = _receive(node, {parent})[parent]
        _send(node, children, total, count)
    return total / count if count else float("nan")


def parents(graph: Graph) -> list[int]:
    """Return the parent of each node in a tree with root 0, which is its own parent.

    In a graph that does not change, nodes only talk along its edges.
    """
    if not graph.fixed:
        return [(uid - 1) // 2 if uid else ROOT for uid in range(graph.n_procs)]
    return once(graph, "tree", lambda: _breadth_first(graph))


def _breadth_first(graph: Graph) -> list[int]:
    above, found = {ROOT: ROOT}, [ROOT]
    for uid in found:  # grows during iteration
        for other in sorted(graph.neighbors(uid) | graph.in_neighbors(uid)):
            if other not in above:
                above[other] = uid
                found.append(other)
    if len(found) < graph.n_procs:
        raise ConfigError(
            "the graph is not connected, so nodes cannot agree when to end"
        )
    return [above[uid] for uid in range(graph.n_procs)]


def _send(node: Any, uids: set[int], total: float, count: int) -> None:
    message = {"CHANNEL": "TARGET", "SUM": total, "NODES": count}
    node.communication.broadcast(sorted(uids), {**message, "iteration": node.iteration})


def _receive(node: Any, uids: set[int]) -> dict[int, tuple[float, int]]:
    """Return what each of ``uids`` sends in this round: a sum, and of how many nodes."""
    found: dict[int, tuple[float, int]] = {}
    while uids - found.keys():
        uid, message = node.wait_for("TARGET", missing=lambda: uids - found.keys())
        if uid in uids and message["iteration"] == node.iteration:
            found[uid] = message["SUM"], message["NODES"]
    return found
