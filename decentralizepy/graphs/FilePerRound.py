"""Time-varying graph that is read from one file per round."""

import re
from itertools import count
from pathlib import Path
from typing import Literal

from decentralizepy.errors import GraphError
from decentralizepy.graphs.Graph import Graph
from decentralizepy.graphs.TimeVarying import TimeVarying


class FilePerRound(TimeVarying):
    """Round r uses the file of a folder whose name ends in r; then the sequence repeats.

    Rounds are counted from 1, such as ``1.edges``, ``2.edges``, or ``contact-001.txt``.
    They may be a trace of real contacts. Hidden files are ignored.

    Parameters
    ----------
    n_procs : int
        Number of nodes, which each file states.
    graphs_dir : str
        The folder. Nodes read it before the first round.
    graph_type : {"edges", "adjacency"}, default "edges"
        The format of its files, as of ``--graph_type``.

    Raises
    ------
    GraphError
        If a file cannot be read, has another number of nodes, or that of a round is
        missing; the message names the round.
    """

    def __init__(
        self,
        n_procs: int,
        graphs_dir: str,
        graph_type: Literal["edges", "adjacency"] = "edges",
    ) -> None:
        files = files_by_round(Path(graphs_dir))
        self.sequence = [
            read(number, files[number], graph_type, n_procs) for number in sorted(files)
        ]
        super().__init__(n_procs)

    @property
    def period(self) -> int:
        """The number of rounds after which the sequence repeats."""
        return len(self.sequence)

    def draw(self, iteration: int) -> Graph:
        return self.sequence[iteration % self.period]


def files_by_round(folder: Path) -> dict[int, Path]:
    """Return the files of a folder by round, from 1 without gaps, or raise a GraphError."""
    found: dict[int, Path] = {}
    try:
        paths = sorted(path for path in folder.iterdir() if path.name[0] != ".")
    except OSError as error:
        raise GraphError(f"{folder}: cannot be read: {error.strerror}") from error
    for path in paths:
        digits = re.search("[0-9]+$", path.stem)
        if digits is None:
            raise GraphError(
                f"{path}: expected a name that ends in a round, as 1.edges"
            )
        number = int(digits[0])
        if number == 0:
            raise GraphError(f"{path}: rounds are counted from 1")
        other = found.setdefault(number, path)
        if other != path:
            raise GraphError(f"round {number}: both {other} and {path}")
    missing = next(number for number in count(1) if number not in found)
    if missing <= len(found) or not found:
        raise GraphError(f"round {missing}: no file in {folder}")
    return found


def read(number: int, path: Path, graph_type: str, n_procs: int) -> Graph:
    """Return the graph of a round, or raise a GraphError that names it."""
    graph = Graph()
    try:
        found = graph.read_graph_from_file(path, graph_type)
    except GraphError as error:
        raise GraphError(f"round {number}: {error}") from error
    if found != n_procs:
        raise GraphError(f"round {number}: {path}: {found} nodes, not {n_procs}")
    return graph
