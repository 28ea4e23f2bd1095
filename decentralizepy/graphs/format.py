"""The two text formats of a graph file, ``edges`` and ``adjacency``."""

import logging
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from decentralizepy.errors import GraphError, did_you_mean
from decentralizepy.files import write_atomic

FORMATS = ("edges", "adjacency")
MAX_NODES = 1_000_000  # a file of ten bytes must not fill the memory

FilePath = str | os.PathLike[str]
Adjacency = list[set[int]]
Arc = tuple[int, int, int]  # line of the file, from node, to node


def read(file: FilePath, form: str, symmetrize: bool = False) -> Adjacency:
    """Read the neighbor sets from a graph file, or raise a GraphError."""
    try:
        data = Path(file).read_bytes()
    except (OSError, ValueError) as error:
        raise GraphError(f"{file}: the graph cannot be read: {_why(error)}") from error
    return parse(data, form, str(file), symmetrize)


def parse(data: bytes, form: str, name: str, symmetrize: bool = False) -> Adjacency:
    """Read the neighbor sets from the bytes of a graph file.

    Parameters
    ----------
    data : bytes
        UTF-8 text; a byte order mark and any line endings are accepted.
    form : str
        ``"edges"`` or ``"adjacency"``.
    name : str
        The name of the file in error messages.
    symmetrize : bool
        Treat edges that only one of the two rows lists as undirected; default False.

    Raises
    ------
    GraphError
        If the file is invalid, naming the line. No other exception is raised.
    """
    _check_form(form)
    head, *lines = _lines(data, name)
    n = _count(head, name)
    if form == "edges":
        adjacency = _symmetric(_collect(_arcs_of_edges(lines, n, name), n, name))
        if _are_rows(lines, adjacency):
            raise GraphError(
                f"{name}: these are the rows of an adjacency file, not edges: read it"
                " with --graph_type adjacency"
            )
        return adjacency
    adjacency = _collect(_arcs_of_rows(lines, n, name), n, name)
    return _symmetric(adjacency) if symmetrize else _checked(adjacency, name)


def render(adjacency: Sequence[set[int]], form: str) -> str:
    """Return neighbor sets as text; ``edges`` lists each edge twice."""
    _check_form(form)
    rows = [sorted(neighbors) for neighbors in adjacency]
    if form == "edges":
        lines = [f"{u} {v}" for u, row in enumerate(rows) for v in row]
    else:
        lines = [" ".join(map(str, row)) for row in rows]
    return "\n".join([str(len(rows)), *lines]) + "\n"


def write(text: str, file: FilePath) -> None:
    """Write a file atomically, or raise a GraphError."""
    try:
        write_atomic(file, text)
    except (OSError, ValueError) as error:
        raise GraphError(
            f"{file}: the graph cannot be written: {_why(error)}"
        ) from error


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _check_form(form: str) -> None:
    if form not in FORMATS:
        raise GraphError(
            f"graph type {form!r} is unknown: expected edges or adjacency"
            + did_you_mean(form, FORMATS)
        )


def _lines(data: bytes, name: str) -> list[str]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise GraphError(f"{name}, line {line}: not UTF-8 text") from error
    if not text.strip():
        raise GraphError(
            f"{name}: the file is empty: line 1 must be the number of nodes"
        )
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines if lines[-1] else lines[:-1]


def _count(head: str, name: str) -> int:
    where, words = f"{name}, line 1", head.split()
    if len(words) != 1:
        raise GraphError(
            f"{where}: expected the number of nodes alone, not {_quoted(head)}"
        )
    n = _number(words[0], where)
    if not 1 <= n <= MAX_NODES:
        raise GraphError(f"{where}: {n} nodes: a graph has 1 to {MAX_NODES} nodes")
    return n


def _arcs_of_edges(lines: Sequence[str], n: int, name: str) -> Iterator[Arc]:
    for line, text in enumerate(lines, start=2):
        where = f"{name}, line {line}"
        nodes = _nodes(text, n, where)
        if len(nodes) == 2:
            yield line, nodes[0], nodes[1]
        elif nodes:
            raise GraphError(
                f"{where}: expected an edge, two node numbers, not {_quoted(text)}"
            )


def _arcs_of_rows(lines: Sequence[str], n: int, name: str) -> Iterator[Arc]:
    if len(lines) < n:
        raise GraphError(
            f"{name}, line {len(lines) + 1}: the file ends after {len(lines)} of {n}"
            " rows: each node has a row, an empty one if it has no neighbor"
        )
    for line, text in enumerate(lines, start=2):
        where, node = f"{name}, line {line}", line - 2
        if node >= n and text.strip():
            raise GraphError(f"{where}: a row too many: line 1 says {n} nodes")
        for neighbor in _nodes(text, n, where):
            yield line, node, neighbor


def _are_rows(lines: Sequence[str], adjacency: Adjacency) -> bool:
    """Return whether edges, read as rows, form a valid graph, different from their own.

    In a 2-regular graph, all rows look like edges.
    """
    rows = [set(map(int, line.split())) for line in lines]
    if len(rows) != len(adjacency) or rows == adjacency:
        return False
    loops = any(node in row for node, row in enumerate(rows))
    return not loops and not _one_way(rows)


def _nodes(text: str, n: int, where: str) -> list[int]:
    nodes = [_number(word, where) for word in text.split()]
    for node in nodes:
        if not 0 <= node < n:
            raise GraphError(
                f"{where}: there is no node {node}: line 1 says {n} nodes,"
                f" 0 to {n - 1}"
            )
    return nodes


def _number(word: str, where: str) -> int:
    if not re.fullmatch("-?[0-9]{1,18}", word):
        raise GraphError(f"{where}: {_quoted(word)} is not a number")
    return int(word)


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")


def _collect(arcs: Iterable[Arc], n: int, name: str) -> Adjacency:
    adjacency: Adjacency = [set() for _ in range(n)]
    loops = []
    for line, u, v in arcs:
        if u == v:
            loops.append(line)
        else:
            adjacency[u].add(v)
    if loops:
        logging.getLogger(__name__).warning(
            "%s, line %d: self-loop removed (%d in the file)",
            name,
            loops[0],
            len(loops),
        )
    return adjacency


def _one_way(adjacency: Adjacency) -> list[tuple[int, int]]:
    return [
        (u, v)
        for u, neighbors in enumerate(adjacency)
        for v in sorted(neighbors)
        if u not in adjacency[v]
    ]


def _symmetric(adjacency: Adjacency) -> Adjacency:
    for u, v in _one_way(adjacency):
        adjacency[v].add(u)
    return adjacency


def _checked(adjacency: Adjacency, name: str) -> Adjacency:
    one_way = _one_way(adjacency)
    if one_way:
        shown = ", ".join(
            f"line {u + 2} has {v} but line {v + 2} lacks {u}" for u, v in one_way[:10]
        )
        more = f" and {len(one_way) - 10} more" if len(one_way) > 10 else ""
        raise GraphError(
            f"{name}: not symmetric: {shown}{more}; `decentralizepy graph --symmetrize "
            f"{name} -a -f NEW` adds what is lacking"
        )
    return adjacency
