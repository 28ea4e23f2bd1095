"""Section OBSERVER: which nodes record what they receive."""

from collections.abc import Mapping
from typing import Any

from decentralizepy.config.numbers import evaluate

SECTION = "OBSERVER"


def observer_uids(config: Mapping[str, Any]) -> list[int]:
    """Return the uids in ``[OBSERVER] nodes``; none without such a section."""
    nodes = config.get(SECTION, {}).get("nodes", ())
    listed = evaluate(nodes) if isinstance(nodes, str) else nodes
    return sorted({listed} if isinstance(listed, int) else set(listed))
