"""The rounds of many nodes at once, as loops over the rows of a matrix."""

import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from decentralizepy.errors import AtNode
from decentralizepy.node.many_bytes import ManyBytes
from decentralizepy.node.many_example import Example
from decentralizepy.node.many_tests import ManyTests
from decentralizepy.node.many_weights import ManyWeights
from decentralizepy.node.round_models import RoundModels
from decentralizepy.randomness import seed_of
from decentralizepy.results.columns import FILES
from decentralizepy.results.schedule import MEAN_MODEL, Evaluators, Schedule
from decentralizepy.results.sketch import NAME as SKETCH, sketch_rows
from decentralizepy.sharing.many import Mixing

ROWS = 256  # trained at once, so that they stay in the cache
Numbers = npt.NDArray[np.int64]
Row = dict[str, Any]
T = TypeVar("T")


class ManyRounds:
    """The rounds of plain D-PSGD with whole models, for all nodes of a worker at once.

    They are those of :class:`~decentralizepy.node.rounds.Rounds`, with the same results
    and byte counters; only sums are rounded in another order.

    Parameters
    ----------
    example : Example
        Stands for the nodes.
    uids : range
        The nodes of this worker.
    models : (torch.Tensor, torch.Tensor), each of shape (nodes, N)
        Two models of each node of the network, in memory that all workers share. Nodes
        train one of them and average into the other, in turn.
    meet : callable
        Waits for all workers.
    auto : bool, default False
        Whether to batch steps only if that takes less time.

    Attributes
    ----------
    iteration : int
        The current round, from 0.
    failed : int or None
        The node whose code has failed.
    """

    failed: int | None = None

    def __init__(
        self,
        example: Example,
        uids: range,
        models: tuple[torch.Tensor, torch.Tensor],
        meet: Callable[[], None],
        auto: bool = False,
    ) -> None:
        node = example.node
        self.example, self.uids, self.meet = example, uids, meet
        self.iteration, self.iterations = node.first_round, node.iterations
        self._all, self._next = models
        self._own = slice(uids.start, uids.stop)
        self.trainer = node.trainer
        self.steps = node.trainer.many(node.sharing.flat, auto)
        self.mixing = Mixing(node.sharing, uids)
        batches = (self.trainer.batch_size, self.trainer.shuffle)
        self.orders = node.dataset.many(uids, *batches)
        self.tests = ManyTests(example, self.orders, self.steps, uids.start)
        self.bytes = ManyBytes(node, uids)
        self.schedule = Schedule(node.test_after, node.train_evaluate_after)
        count, self._seed = node.mapping.get_n_procs(), seed_of(node.dataset)
        self.evaluators = Evaluators(node.evaluators, count, self._seed)
        self._waited = 0.0
        self._start = time.monotonic()
        self.models[:] = example.row

    @property
    def models(self) -> torch.Tensor:
        """The models of this worker's nodes, of shape (n, N)."""
        return self._all[self._own]

    def __iter__(self) -> Iterator[list[tuple[list[int], Row]]]:
        """Run all rounds; yield after each the results of some nodes, and of others."""
        self._meet()  # else nodes would average with models that are not there yet
        for number in range(self.iteration, self.iterations):
            self.iteration = self.example.node.iteration = number
            yield self._named(lambda: [*self._round_and_record()])
        self._store()

    def _round_and_record(self) -> Iterator[tuple[list[int], Row]]:
        self.round()
        yield from self.record()

    def _named(self, work: Callable[[], T]) -> T:
        """Return what ``work`` returns; note which node it fails for.

        The error is raised here, where the number of the round is found.
        """
        try:
            return work()
        except AtNode as error:
            self.failed, cause = error.uid, error.__cause__ or error
        raise cause

    def round(self) -> None:
        """Train, share, average."""
        self.train()
        self._meet()
        self.bytes.count(self.iteration)
        self.mixing.average(self._all, self._next[self._own], self.iteration)
        self._all, self._next = self._next, self._all

    def train(self) -> None:
        """Take the steps of a round with each model."""
        passes = self.orders.per_pass if self.trainer.full_epochs else 1
        left = np.broadcast_to(self.trainer.rounds * passes, len(self.uids)).copy()
        while left.any():
            for batch in self.orders.next(np.flatnonzero(left)):
                for first in range(0, len(batch.nodes), ROWS):
                    part = slice(first, first + ROWS)
                    self._step(batch.nodes[part], batch.samples[part])
            left = np.maximum(left - 1, 0)

    def record(self) -> Iterator[tuple[list[int], Row]]:
        """Run the evaluations that are due; yield ranks, and what they measured.

        That is a number if it is the same for all, or a list.
        """
        train, test = self.schedule.step()
        tested = [*filter(self._is_tested, self.uids)] if train or test else []
        others = sorted({*self.uids} - {*tested}) if tested else [*self.uids]
        if test and self.evaluators.which == MEAN_MODEL and self.example.tests:
            self._hand_in()
        row = {"round": self.iteration + 1, "time": time.monotonic() - self._start}
        waits = {"wait": round(self._waited, 6)}
        self._waited = 0.0
        for ranks in filter(None, (tested, others)):
            models = self._rows(ranks)
            own = (
                self.tests.evaluate(ranks, models, train, test)
                if ranks is tested
                else {}
            )
            if train or test:
                own[SKETCH] = sketch_rows(
                    models.numpy(), self.steps.flat.lens, self._seed
                )
            yield ranks, {**row, **own, **self.bytes.row(ranks), **waits}

    def _rows(self, uids: list[int]) -> torch.Tensor:
        """Return the models of some nodes, without copying those of all."""
        if len(uids) == len(self.uids):
            return self.models
        return self._all[torch.tensor(uids)]

    def _is_tested(self, uid: int) -> bool:
        return self.evaluators.include(uid, self.iteration)

    def _hand_in(self) -> None:
        """Write the models where the launcher averages those of all nodes."""
        log_dir, nodes = self.example.node.log_dir, len(self._all)
        models = RoundModels(log_dir, self.iteration + 1, nodes)
        models.put_rows(self.uids.start, self.models)

    def _store(self) -> None:
        """Write the final weights: of many nodes in one file."""
        node, nodes = self.example.node, len(self._all)
        if nodes <= FILES:
            for uid, model in zip(self.uids, self.models, strict=True):
                self.example.become(uid, model).store()
            return
        weights = ManyWeights(node.weights_store_dir, self.iteration)
        weights.put_rows(self.uids.start, self.models, nodes)
        self._meet()
        if self.uids.start == 0:
            weights.finish()

    def _step(self, nodes: Numbers, samples: Numbers) -> None:
        """Take a step with each of ``nodes``, on batches of the same size."""
        data, target = self.orders.read(samples)
        uids = nodes + self.uids.start
        first, last = int(uids[0]), int(uids[-1]) + 1
        if last - first == len(uids):  # consecutive, so that they need not be copied
            self.steps.take(self._all[first:last], uids, data, target)
            return
        rows = torch.from_numpy(uids)
        models = self._all[rows]
        self.steps.take(models, uids, data, target)
        self._all[rows] = models

    def _meet(self) -> None:
        since = time.monotonic()
        self.meet()
        self._waited += time.monotonic() - since
