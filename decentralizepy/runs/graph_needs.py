"""Checks that a graph is one on which a sharing class works."""

from collections.abc import Iterator
from typing import Any

from decentralizepy.errors import Problem
from decentralizepy.graphs.Graph import Graph
from decentralizepy.graphs.spectrum import MAX_NODES
from decentralizepy.runs.chosen import Chosen
from decentralizepy.sharing.cohorts import LEAST
from decentralizepy.sharing.D2 import D2
from decentralizepy.sharing.ExactDiffusion import ExactDiffusion
from decentralizepy.sharing.RelaySum import RelaySum
from decentralizepy.sharing.SecureAggregation import SecureAggregation


def enough_to_mask(chosen: Chosen) -> Iterator[Problem]:
    """Yield a problem if a node's neighbors are too few for their sum to hide a model."""
    if not issubclass(chosen.sharing, SecureAggregation) or not chosen.graph.fixed:
        return
    uids = chosen.graph.get_all_nodes()
    least, uid = min((len(chosen.graph.neighbors(uid)), uid) for uid in uids)
    if least < LEAST:
        yield Problem(
            f"needs {LEAST} neighbors for every node; uid {uid} has {least}",
            section="SHARING",
            key="sharing_class",
            value=chosen.sharing.__name__,
        )


def ill_connected(sharing: Any, graph: Graph) -> str:
    """Return why an algorithm does not work on a fixed graph, or ""."""
    if issubclass(sharing, RelaySum):
        counts = [sum(map(len, tree.adj_list)) // 2 for tree in graph.trees]
        edges = max(counts)
        if graph.directed or edges != graph.n_procs - 1:
            return (
                f"needs a tree; the graph has {edges} edges for {graph.n_procs} nodes"
            )
    if issubclass(sharing, D2) and not issubclass(sharing, ExactDiffusion):
        import numpy as np

        if graph.n_procs > MAX_NODES:  # eigenvalues take too long
            return ""
        least = np.linalg.eigvals(graph.mixing_matrix()).real.min()
        if least < -1 / 3 + 1e-9:
            return (
                f"diverges on this graph: the least eigenvalue is {least:.3f}; "
                "expected one above -1/3, or ExactDiffusion"
            )
    return ""
