"""With which lost peers a run may finish, and what a finished run has lost."""

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from decentralizepy.checkpoints import Checkpoints
from decentralizepy.errors import NodeFailed
from decentralizepy.run.spec import NodeSpec

if TYPE_CHECKING:
    from decentralizepy.run.experiment import Experiment


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


def lost_elsewhere(experiment: "Experiment") -> NodeFailed | None:
    """Return an error that names the nodes of other machines that were lost."""
    lost = lost_peers(Path(experiment.args.log_dir), experiment.ranks)
    named = ", ".join(map(str, lost))
    text = f"lost uid {named}; the nodes of this machine finished without"
    return NodeFailed(text) if lost else None


def without_checkpoints(experiment: "Experiment") -> NodeFailed | None:
    """Return an error that names the nodes that could not write any checkpoint, if any."""
    args = experiment.args
    every = args.checkpoint_every
    if not every or args.iterations // every <= experiment.first_round // every:
        return None  # none was due
    missing = [
        str(rank)
        for rank in experiment.checkpointing
        if not Checkpoints(args.log_dir, rank).rounds()
    ]
    text = (
        "no checkpoint could be written, so this run cannot be resumed: rank "
        f"{', '.join(missing)}; the logs in {args.log_dir} say why"
    )
    return NodeFailed(text) if missing else None
