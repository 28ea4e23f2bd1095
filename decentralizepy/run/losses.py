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


class Begun:
    """Tells which nodes have passed the start barrier since this object was created.

    They then replace their results file, which may be that of a run that is resumed. A
    service never counts: without it, its nodes would wait for answers in vain.
    """

    def __init__(self, specs: Iterable[NodeSpec]) -> None:
        self._before = {spec.rank: _version(spec) for spec in specs}

    def __call__(self, spec: NodeSpec) -> bool:
        return spec.rank >= 0 and _version(spec) not in (None, self._before[spec.rank])


def _version(spec: NodeSpec) -> tuple[int, int] | None:
    """Return what identifies the content of a node's results file, if there is one."""
    try:
        found = (spec.log.parent / f"{spec.rank}_results.jsonl").stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def lost_peers(log_dir: Path, ranks: Iterable[int]) -> list[int]:
    """Return the uids that nodes of this machine have finished without."""
    lost: set[int] = set()
    for rank in ranks:
        with suppress(OSError, ValueError, IndexError):
            lines = (log_dir / f"{rank}_results.jsonl").read_text(encoding="utf-8")
            lost.update(json.loads(lines.splitlines()[-1]).get("lost_peers", ()))
    return sorted(lost)


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
