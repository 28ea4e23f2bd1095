"""Breaks when machines pause after different rounds, or after one that a node has passed."""

import itertools
import signal
from collections import deque
from functools import partial
from types import SimpleNamespace

import pytest

from decentralizepy.checkpoints import Checkpoints
from decentralizepy.config.due import Due
from decentralizepy.runs.ended import PAUSED, Paused
from decentralizepy.runs.pause import SIGNAL, Pause

COUNT = 3


class World:
    """Three launchers with two nodes each, and messages that take a step to arrive."""

    def __init__(self, folder, iterations=1000, first_round=0):
        self.queue, self.ended = deque(), {}
        self.machines = [SimpleNamespace(handlers={}) for _ in range(COUNT)]
        self.pauses, self.dues = [], []
        for machine in range(COUNT):
            args = SimpleNamespace(
                machine_id=machine,
                machines=COUNT,
                iterations=iterations,
                log_dir=str(folder / f"machine{machine}"),
            )
            experiment = SimpleNamespace(
                args=args,
                ranks=[0, 1],
                checkpointing=[0, 1],
                first_round=first_round,
            )
            run = SimpleNamespace(due=None)
            spec = SimpleNamespace(config={"RUN": run})
            link = self.machines[machine]
            link.send = lambda to, told, of=machine: self.queue.append((of, to, told))
            self.pauses.append(Pause(experiment, link, [spec]))
            self.dues.append((args.log_dir, run.due))

    def run_nodes(self, number):
        """Have all nodes finish a round, as those of a real run do it."""
        for log_dir, due in self.dues:
            for rank in (0, 1):
                due.note(rank, number)
                if due.round == number:
                    path = Checkpoints(log_dir, rank).path(number)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.touch()

    def deliver(self):
        """Deliver the messages that are under way, and have each launcher poll."""
        for _ in range(len(self.queue)):
            of, to, told = self.queue.popleft()
            act = self.machines[to].handlers["CHECKPOINT"]
            self._guarded(to, partial(act, of, told))
        for machine, pause in enumerate(self.pauses):
            self._guarded(machine, pause.poll)

    def _guarded(self, machine, act):
        try:
            if machine not in self.ended:
                act()
        except Paused as error:
            self.ended[machine] = error


@pytest.fixture
def asked(monkeypatch):
    """Return a function that sends the signal to whoever polls next.

    A look at the clock takes half a second.
    """
    pending, clock = [], itertools.count(0, 0.5)
    time = SimpleNamespace(monotonic=lambda: next(clock))
    monkeypatch.setattr("decentralizepy.runs.pause.time", time)
    taken = lambda numbers, limit: pending.pop() if pending else None  # noqa: E731
    monkeypatch.setattr("decentralizepy.runs.pause.signal.sigtimedwait", taken)
    return lambda: pending.append(SIGNAL)


@pytest.mark.parametrize("pace", [0, 1, 7, 60])
@pytest.mark.parametrize("first", [0, 2])
def test_all_pause_after_one_round_however_fast_the_nodes_are(
    tmp_path, asked, pace, first
):
    """The signal comes to one machine alone, or before any round at all."""
    world = World(tmp_path, 10_000)
    number = 0
    world.pauses = world.pauses[first:] + world.pauses[:first]  # who polls first
    asked()
    for _ in range(200):
        for _ in range(pace or 1):
            number += 1
            world.run_nodes(number)
        world.deliver()
        if len(world.ended) == COUNT:
            break
    assert len(world.ended) == COUNT
    assert len({str(error) for error in world.ended.values()}) == 1
    assert world.ended[0].exit_status == PAUSED
    (paused,) = {due.round for _, due in world.dues}
    for log_dir, _ in world.dues:
        assert all(paused in Checkpoints(log_dir, rank).rounds() for rank in (0, 1))


def test_a_resumed_run_does_not_count_earlier_rounds_as_its_own(tmp_path, asked):
    """It would take nodes to be fast, and name a round that they reach too late."""
    world = World(tmp_path, 10_000, first_round=5_000)
    asked()
    for number in range(5_001, 5_100):
        world.run_nodes(number)
        world.deliver()
    assert len(world.ended) == COUNT


def test_a_run_that_is_about_to_end_does_so(tmp_path, asked):
    world = World(tmp_path, iterations=3)
    world.run_nodes(2)
    asked()
    for _ in range(10):
        world.deliver()
    assert world.ended == {}
    assert {due.round for _, due in world.dues} == {0}


def test_the_memory_is_shared_by_ranks_also_of_services():
    due = Due([-1, 0, 1])
    due.note(-1, 3)
    due.note(1, 2)
    assert (due.newest, due.done(-1), due.done(0), due.round) == (3, 3, 0, 0)


def test_the_signal_is_one_that_slurm_sends():
    assert signal.SIGUSR2 == SIGNAL
