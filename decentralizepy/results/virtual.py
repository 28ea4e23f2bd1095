"""The file with metrics of an emulated network, which are known after the run."""

import json
from collections.abc import Mapping
from pathlib import Path

from decentralizepy.files import write_atomic

FILE = "virtual_time.json"
Metrics = dict[str, dict[int, float]]
"""A node's values by metric and round, such as ``virtual_time``."""


def write_virtual(
    log_dir: Path, metrics: Mapping[str, Mapping[int, Mapping[int, float]]]
) -> None:
    """Write the metrics of all nodes of a log folder, by rank and round."""
    write_atomic(log_dir / FILE, json.dumps(metrics))


def read_virtual(log_dir: Path) -> dict[int, Metrics]:
    """Return what :func:`write_virtual` wrote by rank; empty if missing or damaged."""
    found: dict[int, Metrics] = {}
    try:
        content = json.loads((log_dir / FILE).read_text(encoding="utf-8"))
        for metric, ranks in content.items():
            for rank, rounds in ranks.items():
                values = {int(number): float(rounds[number]) for number in rounds}
                found.setdefault(int(rank), {})[metric] = values
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return {}
    return found


def add_virtual(nodes: dict[str, Metrics], log_dir: Path, folder: Path) -> None:
    """Add the metrics in ``log_dir`` to its nodes, by their paths below ``folder``."""
    for rank, metrics in read_virtual(log_dir).items():
        node = (log_dir.relative_to(folder) / str(rank)).as_posix()
        if node in nodes:
            nodes[node] = {**nodes[node], **metrics}
