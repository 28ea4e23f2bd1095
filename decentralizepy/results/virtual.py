"""The file with the virtual time of a machine's nodes, which is known after the run."""

import json
from collections.abc import Mapping
from pathlib import Path

from decentralizepy.files import write_atomic

FILE = "virtual_time.json"
METRIC = "virtual_time"
Seconds = Mapping[int, Mapping[int, float]]
"""Seconds since the first round began at the end of each round, by rank and round."""


def write_virtual(log_dir: Path, times: Seconds) -> None:
    """Write the virtual time of all nodes of a log folder."""
    write_atomic(log_dir / FILE, json.dumps({METRIC: times}))


def read_virtual(log_dir: Path) -> dict[int, dict[int, float]]:
    """Return what :func:`write_virtual` wrote; empty if it is missing or damaged."""
    try:
        table = json.loads((log_dir / FILE).read_text(encoding="utf-8"))[METRIC]
        return {
            int(rank): {int(number): float(rounds[number]) for number in rounds}
            for rank, rounds in table.items()
        }
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return {}


def add_virtual(
    nodes: dict[str, dict[str, dict[int, float]]], log_dir: Path, folder: Path
) -> None:
    """Add the virtual time in ``log_dir`` to its nodes, by their paths below ``folder``."""
    for rank, times in read_virtual(log_dir).items():
        node = (log_dir.relative_to(folder) / str(rank)).as_posix()
        if node in nodes:
            nodes[node] = {**nodes[node], METRIC: times}
