"""With which lost peers a run may finish under ``on_peer_loss = drop``, and what it lost."""

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from decentralizepy.run.spec import NodeSpec


def had_begun(spec: NodeSpec) -> bool:
    """Return whether a node that died had passed the start barrier.

    Before that, its peers would wait for its greeting in vain; without a service, for
    its answers.
    """
    results = spec.log.parent / f"{spec.rank}_results.jsonl"
    return spec.rank >= 0 and (not spec.fresh or results.exists())


def lost_peers(log_dir: Path, ranks: Iterable[int]) -> list[int]:
    """Return the uids that nodes of this machine have finished without."""
    lost: set[int] = set()
    for rank in ranks:
        with suppress(OSError, ValueError, IndexError):
            lines = (log_dir / f"{rank}_results.jsonl").read_text(encoding="utf-8")
            lost.update(json.loads(lines.splitlines()[-1]).get("lost_peers", ()))
    return sorted(lost)
