"""What a run is, in a line, from the record in its log folder."""

import json
import os
from pathlib import Path
from typing import Any

from decentralizepy.results.manifests import FILE

CLASSES = (
    ("DATASET", "dataset_class"),
    ("SHARING", "sharing_class"),
    ("NODE", "node_class"),
    ("GRAPH", "graph_class"),
)


def read_manifest(log_dir: Path) -> dict[str, Any]:
    """Return the record of a run; an empty one if it is not there yet."""
    try:
        content = json.loads((log_dir / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def heading(manifest: dict[str, Any]) -> str:
    """Return data set, sharing, graph and number of nodes; empty if they are unknown.

    >>> parts = {"DATASET": {"dataset_class": "Digits"}, "GRAPH": {"graph_class": "Ring"}}
    >>> heading({"configuration": parts, "flags": {"procs_per_machine": [16]}})
    'Digits, Ring, 16 nodes'
    """
    sections, flags = manifest.get("configuration", {}), manifest.get("flags", {})
    named = [sections.get(section, {}).get(key) for section, key in CLASSES]
    if not sections.get("GRAPH") and flags.get("graph_file"):
        named.append(os.path.basename(flags["graph_file"]))
    counts = flags.get("procs_per_machine") or []
    if len(counts) == 1:
        counts = counts * flags.get("machines", 1)
    named.append(f"{sum(counts)} nodes" if counts else None)
    return ", ".join(str(each) for each in named if each)
