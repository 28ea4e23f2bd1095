"""A digest of a graph, the same on all machines that have the same graph."""

import json
import zlib
from typing import Any


def digest(graph: Any, section: Any) -> int:
    """Return a digest of a graph's edges, or of what a changing one follows from.

    Parameters
    ----------
    graph : Graph
    section : dict or None
        Section GRAPH of the INI file.
    """
    text = json.dumps(_edges(graph, section), sort_keys=True, default=str)
    return zlib.crc32(text.encode())


def _edges(graph: Any, section: Any) -> Any:
    kind = [type(graph).__name__, graph.n_procs]
    if getattr(graph, "fixed", False):
        return [kind, _rows(graph)]
    read = getattr(graph, "sequence", None)  # from files, which may differ
    return [kind, section if read is None else [_rows(each) for each in read]]


def _rows(graph: Any) -> Any:
    return [sorted(graph.neighbors(uid)) for uid in range(graph.n_procs)]
