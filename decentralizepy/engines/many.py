"""Runs the rounds of a worker's nodes at once, where their class states them so."""

import logging
import mmap
import multiprocessing
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from decentralizepy.engines.engine import Engine
from decentralizepy.engines.failure import Failed, judge
from decentralizepy.errors import PeerTimeout
from decentralizepy.results.columns import block
from decentralizepy.results.lines import KEPT, SharedLines
from decentralizepy.runs.example import example_of
from decentralizepy.runs.spec import NodeSpec

logger = logging.getLogger(__name__)

FLOAT_BYTES = 4


class Commons:
    """What the workers of a machine share: the models of all nodes, and a barrier.

    Must be created before they are forked.

    Parameters
    ----------
    example
        A node that stands for all; see
        :class:`decentralizepy.node.many_example.Example`.
    nodes, workers : int
    auto : bool
        Whether to batch steps only if that is faster.
    """

    def __init__(self, example: Any, nodes: int, workers: int, auto: bool) -> None:
        self.example, self.nodes, self.auto = example, nodes, auto
        size = FLOAT_BYTES * nodes * len(example.row)
        self._memory = mmap.mmap(-1, 2 * size)  # has no name, so that nothing is left
        self.barrier: Any = multiprocessing.Barrier(workers)

    @property
    def models(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Two matrices with a row for each node."""
        both = torch.frombuffer(self._memory, dtype=torch.float32)
        one, other = both.view(2, self.nodes, -1)
        return one, other

    def meet(self) -> None:
        """Wait for all workers.

        Raises
        ------
        PeerTimeout
            If one does not come within ``[FAULTS] peer_timeout``.
        """
        limit = self.example.node.peer_timeout
        try:
            self.barrier.wait(limit)
        except threading.BrokenBarrierError:
            raise PeerTimeout(f"waiting for another worker for {limit:g} s") from None


def commons_of(
    specs: list[NodeSpec], workers: int, batched: str
) -> tuple[Commons | None, str]:
    """Return what workers share to run their nodes at once, or None and why they do not."""
    if batched == "off":
        return None, ""
    if "fork" not in multiprocessing.get_all_start_methods():
        return None, "this system cannot fork"
    example, obstacle = example_of(specs[0])
    if obstacle:
        return None, obstacle
    return Commons(example, len(specs), workers, batched == "auto"), ""


class ManyNodes(Engine):
    """The nodes of a worker, whose rounds it runs at once.

    Parameters
    ----------
    specs : list of NodeSpec
    commons : Commons
    log : Path
        The worker's log; the nodes have none.
    """

    def __init__(self, specs: list[NodeSpec], commons: Commons, log: Path) -> None:
        super().__init__(specs)
        self.commons, self.log = commons, log
        self._alive = len(specs)
        self._failures: list[Failed] = []

    def start(self) -> None:
        """Prepare the first round."""
        example, first, last = self.commons.example, self.specs[0], self.specs[-1]
        logging.getLogger().setLevel(first.args[8])
        self._results = SharedLines(first.log.parent)
        uids = range(first.uid, last.uid + 1)
        self._results.append(block(uids, {KEPT: 0, "nodes": self.commons.nodes}))
        self._results.flush()
        commons = self.commons
        self._many = example.node.many_rounds(
            example, uids, commons.models, commons.meet, commons.auto
        )
        self._rounds = iter(self._many)

    def wait(self, timeout: float) -> bool:
        """Run rounds for about ``timeout`` seconds; return whether all have ended.

        Errors as in the base class.
        """
        deadline = time.monotonic() + timeout
        while self._alive and time.monotonic() < deadline:
            self._run_round()
        if failure := self.failure():
            raise failure
        return not self._alive

    @property
    def alive(self) -> int:
        return self._alive

    def failures(self) -> list[Failed]:
        return self._failures

    def stop(self) -> None:
        """Do nothing: between rounds, no node runs."""

    def __exit__(self, *exception: object) -> None:
        self._results.close()

    def _run_round(self) -> None:
        try:
            found = next(self._rounds, None)
        except Exception as error:
            if self._many.failed is None:  # not a node's
                raise
            spec = self.specs[self._many.failed - self.specs[0].uid]
            self._failures.append(judge(error, replace(spec, log=self.log)))
            found = None
        if found is None:
            self._alive = 0
            return
        for ranks, row in found:
            self._results.append(block(ranks, row))
            logger.info("round %d: %s", row["round"], told(ranks, row))
        self._results.flush()


def told(ranks: Sequence[int], row: Mapping[str, Any]) -> str:
    """Return the mean of what some nodes measured."""
    lists = {name: value for name, value in row.items() if isinstance(value, list)}
    numbers = {name: of for name, of in lists.items() if not isinstance(of[0], list)}
    means = {name: sum(of) / len(of) for name, of in numbers.items()}
    parts = [f"{name} {mean:.6g}" for name, mean in means.items()]
    return ", ".join([f"{len(ranks)} nodes", *parts])
