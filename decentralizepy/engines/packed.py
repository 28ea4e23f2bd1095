"""Runs thousands of nodes in a few worker processes."""

import itertools
import logging
import multiprocessing
import resource
import signal
import time
from collections.abc import Collection
from multiprocessing import connection
from pathlib import Path
from typing import Any, NoReturn

from decentralizepy.engines.bridge import Bridge
from decentralizepy.engines.debug import DebugNodes
from decentralizepy.engines.engine import Engine, GoOn
from decentralizepy.engines.many import Commons, ManyNodes, commons_of
from decentralizepy.engines.process import LocalNodes
from decentralizepy.engines.turns import Turns
from decentralizepy.errors import NodeFailed, PeerError
from decentralizepy.network.clock import VirtualClock
from decentralizepy.network.description import Network
from decentralizepy.node.process import configure
from decentralizepy.runs.preflight import raise_limit
from decentralizepy.runs.scratch import Scratch
from decentralizepy.runs.signals import Stopped
from decentralizepy.runs.spec import NodeSpec

logger = logging.getLogger(__name__)

COUNT_S = 0.5  # how often a worker counts its nodes
CAUSE_S = 10.0  # how long a worker with a failed node may take to end


class PackedNodes(LocalNodes):
    """Worker processes, each of which runs its share of ``specs`` in turn.

    Parameters
    ----------
    specs : list of NodeSpec
    workers : int
        The number of processes.
    go_on : callable, optional
        As for :class:`~decentralizepy.engines.process.LocalNodes`. If a worker itself is
        killed, the others do not continue.
    batched : {"off", "on", "auto"}, default "off"
        As for :class:`~decentralizepy.engines.debug.DebugNodes`.
    network : Network, optional
        With a single worker: its virtual clock decides when messages arrive.
    """

    def __init__(
        self,
        specs: list[NodeSpec],
        workers: int,
        go_on: GoOn = None,
        batched: str = "off",
        network: Network | None = None,
    ) -> None:
        self._groups = groups = share_out(specs, workers)
        self._sockets = Scratch()
        self._left: Any = multiprocessing.Array("i", [len(group) for group in groups])
        commons, obstacle = commons_of(specs, len(groups), batched)
        arguments = (
            groups,
            self._sockets.path,
            self._left,
            go_on,
            batched,
            network,
            commons,
            obstacle,
        )
        super().__init__(
            [_worker(number, arguments) for number in range(len(groups))], go_on
        )

    @property
    def alive(self) -> int:
        pairs = zip(self._left, self._exit_codes(), strict=True)
        return sum(count for count, code in pairs if code is None)

    @property
    def failed(self) -> list[NodeSpec]:
        """None: it is workers that end, and results name the nodes that were lost."""
        return []

    def failure(self) -> NodeFailed | None:
        """Return an error for the node that failed first, not because of a peer.

        Workers that lose a peer may end before that of the peer, which has other nodes.
        """
        deadline = time.monotonic() + CAUSE_S
        while {each.status for each in self.failures()} == {PeerError.exit_status}:
            running = [each.sentinel for each in self.processes if each.is_alive()]
            left = deadline - time.monotonic()
            if not running or left <= 0:
                break
            connection.wait(running, left)
        return super().failure()

    def may_go_on(self) -> bool:
        return self.go_on is not None and all(
            failed.status > 0 for failed in self.failures()
        )

    def _runs(self, spec: NodeSpec, uids: Collection[int]) -> bool:
        return any(node.uid in uids for node in self._groups[spec.rank])

    def __exit__(self, *exception: object) -> None:
        try:
            super().__exit__(*exception)
        finally:
            self._sockets.cleanup()


def share_out(specs: list[NodeSpec], workers: int) -> list[list[NodeSpec]]:
    """Split ``specs`` into consecutive parts of nearly equal size, none of them empty."""
    count = min(workers, len(specs))
    edges = [len(specs) * number // count for number in range(count + 1)]
    return [specs[first:end] for first, end in itertools.pairwise(edges)]


def work(
    number: int,
    groups: list[list[NodeSpec]],
    folder: Path,
    left: Any,
    go_on: GoOn,
    batched: str,
    network: Network | None,
    commons: Commons | None,
    obstacle: str,
) -> None:
    """Run one group of nodes to its end, in a process of its own.

    With ``commons``, their rounds are run at once; ``obstacle`` is why they are not.

    Raises
    ------
    NodeFailed
        If a node has failed.
    """
    configure(sum(map(len, groups)))  # threads as in other engines, for the same bits
    raise_limit(resource.RLIMIT_NOFILE)  # a node that waits long keeps a notice open
    signal.signal(signal.SIGTERM, _stop)
    if commons:
        log = _worker_log(groups, number)
        failure = _run(ManyNodes(groups[number], commons, log), left, number)
    else:
        if obstacle and not number:
            logger.warning("rounds are not run at once, but by each node: %s", obstacle)
        workers = {spec.uid: at for at, group in enumerate(groups) for spec in group}
        turns = Turns(VirtualClock(network) if network else None)
        bridge = Bridge(folder, number, workers, turns)
        nodes = DebugNodes(groups[number], go_on, bridge=bridge, batched=batched)
        failure = _run(nodes, left, number)
        bridge.close()
    if failure:
        raise failure


def _run(nodes: Engine, left: Any, number: int) -> NodeFailed | None:
    """Run nodes to their end, and note how many are left; return why one has failed."""
    with nodes:
        nodes.start()
        while not nodes.wait(COUNT_S):
            left[number] = nodes.alive
        return nodes.failure()


def _worker_log(groups: list[list[NodeSpec]], number: int) -> Path:
    return groups[number][0].log.with_name(f"worker{number}.log")


def _worker(number: int, arguments: tuple[Any, ...]) -> NodeSpec:
    groups = arguments[0]
    first, last = groups[number][0], groups[number][-1]
    return NodeSpec(
        work,
        (number, *arguments),
        number,
        first.machine_id,
        number,
        _worker_log(groups, number),
        fresh=first.fresh,
        name=f"worker {number} (ranks {first.rank} to {last.rank})",
    )


def _stop(number: int, frame: object) -> NoReturn:
    raise Stopped(number)
