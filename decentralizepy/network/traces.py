"""Reads numbers of nodes and links from text files, and latencies from real topologies."""

import math
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt

from decentralizepy.errors import ConfigError, nearest

Floats = npt.NDArray[np.float64]

MISSING = ("", "-", "na", "n/a", "nan", "none", "null")
KM_PER_MS = 200.0  # light in fiber, at two thirds of its speed in vacuum


def read_numbers(path: str | Path) -> Floats:
    """Return the numbers of a file, with nan where one is missing.

    Numbers are separated by commas, semicolons or white space. Lines that begin with
    ``#``, empty lines, and a first line of names are skipped.

    Returns
    -------
    array of shape (rows, columns)

    Raises
    ------
    ConfigError
        If the file cannot be read, or a line is not as long as the first.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}") from None
    rows: list[list[float]] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = _words(line)
        if not words or (not rows and _is_heading(words)):
            continue
        row = [_number(word, number, column) for column, word in enumerate(words, 1)]
        if rows and len(row) != len(rows[0]):
            cause = (
                f"line {number} has {len(row)} numbers, but the first {len(rows[0])}"
            )
            raise ConfigError(cause)
        rows.append(row)
    if not rows:
        raise ConfigError("has no numbers")
    return np.array(rows)


def _words(line: str) -> list[str]:
    line = line.strip()
    if not line or line.startswith("#"):
        return []
    for separator in ",;":
        if separator in line:
            return [word.strip() for word in line.split(separator)]
    return line.split()


def _is_heading(words: list[str]) -> bool:
    return not any(_is_number(word) or word.lower() in MISSING for word in words)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _number(word: str, line: int, column: int) -> float:
    if word.lower() in MISSING:
        return math.nan
    if not _is_number(word) or math.isinf(float(word)):
        raise ConfigError(f"line {line}, column {column}: {word[:40]!r} is no number")
    return float(word)


def refuse_negative(numbers: Floats) -> None:
    """Raise a ConfigError if a number is negative."""
    found = np.argwhere(numbers < 0)
    if found.size:
        row, column = found[0]
        raise ConfigError(
            f"row {row + 1}, column {column + 1}: {numbers[row, column]:g} is negative"
        )


def completed(latency: Floats) -> tuple[Floats, int]:
    """Return a latency matrix without gaps, and how many there were off the diagonal.

    A negative or missing entry was not measured. It becomes that of the opposite
    direction or, if that is missing too, the median of all others.

    Raises
    ------
    ConfigError
        If nothing was measured.
    """
    latency = np.where(latency < 0, np.nan, latency)
    np.fill_diagonal(latency, np.nan)
    if latency.size > 1 and np.isnan(latency).all():
        raise ConfigError("has no measured latency")
    gaps = int(np.isnan(latency).sum()) - len(latency)
    median = np.nanmedian(latency) if latency.size > 1 else 0.0
    latency = np.where(np.isnan(latency), latency.T, latency)
    latency = np.where(np.isnan(latency), median, latency)
    np.fill_diagonal(latency, 0)
    return latency, gaps


def of_topology(name: str) -> Floats:
    """Return the latencies, in ms, between the nodes of a topology of topohub.

    Along the shortest path by distance, at 200 km per ms.

    Parameters
    ----------
    name
        As topohub has it, such as ``sndlib/polska``.

    Raises
    ------
    ConfigError
        If topohub is not installed, or has no such topology.
    """
    try:
        import topohub
    except ImportError:
        raise ConfigError(
            "needs topohub, which is not installed: pip install decentralizepy[topologies]"
        ) from None
    import networkx as nx

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # it leaves its file open
            graph = nx.node_link_graph(topohub.get(name), edges="edges")
    except (KeyError, OSError, ValueError, TypeError):
        known = _topologies(Path(topohub.__file__).parent)
        near = nearest(name, known)
        hint = f"; did you mean {near}?" if near else ""
        raise ConfigError(f"topohub has no such topology{hint}") from None
    paths = dict(nx.all_pairs_dijkstra_path_length(graph, weight="dist"))
    nodes = list(graph)
    far = [[paths[one].get(other, math.nan) for other in nodes] for one in nodes]
    return np.array(far) / KM_PER_MS


def _topologies(folder: Path) -> list[str]:
    """Return the names of all topologies."""
    data = folder / "data"
    return [
        path.relative_to(data).with_suffix("").as_posix()
        for path in data.rglob("*.json")
    ]
