"""With which lost peers a run may finish, and what a finished run has lost."""

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from decentralizepy.checkpoints import Checkpoints
from decentralizepy.errors import NodeFailed
from decentralizepy.results.columns import parsed
from decentralizepy.results.lines import KEPT, SHARED, read_all
from decentralizepy.runs.spec import NodeSpec

if TYPE_CHECKING:
    from decentralizepy.runs.experiment import Experiment


class Begun:
    """Tells which nodes have passed the start barrier since this object was created.

    They then replace their results file, or mark its place in the shared one, which may be
    that of a run that is resumed. A service never counts: without it, its nodes would
    wait for answers in vain.
    """

    def __init__(self, specs: Iterable[NodeSpec]) -> None:
        self._before = {spec.rank: _version(spec) for spec in specs}
        self._marks = marks({spec.log.parent for spec in specs})
        self._known: set[int] = set()

    def __call__(self, spec: NodeSpec) -> bool:
        if spec.rank >= 0 and spec.rank not in self._known:
            own = _version(spec) not in (None, self._before[spec.rank])
            shared = marks({spec.log.parent})[spec.rank] > self._marks[spec.rank]
            if own or shared:
                self._known.add(spec.rank)
        return spec.rank in self._known


def _version(spec: NodeSpec) -> tuple[int, int] | None:
    """Return what identifies the content of a node's results file, if there is one."""
    try:
        found = (spec.log.parent / f"{spec.rank}_results.jsonl").stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def marks(folders: Iterable[Path]) -> Counter[int]:
    """Return how often each rank has begun to write to the shared file of a folder."""
    found: Counter[int] = Counter()
    for folder in folders:
        with suppress(OSError), open(folder / SHARED, "rb") as file:
            rows = chain.from_iterable(map(parsed, file))
            found.update(rank for rank, row in rows if KEPT in row)
    return found


def lost_peers(log_dir: Path, ranks: Iterable[int]) -> list[int]:
    """Return the uids that nodes of this machine have finished without."""
    rows = read_all(log_dir)
    last = [rows[rank][-1] for rank in ranks if rows.get(rank)]
    return sorted({uid for row in last for uid in row.get("lost_peers", ())})


def without_checkpoints(experiment: "Experiment") -> NodeFailed | None:
    """Return an error that names the nodes that could not write any checkpoint, if any."""
    args = experiment.args
    every = args.checkpoint_every
    if not every or experiment.rounds_done // every <= experiment.first_round // every:
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
