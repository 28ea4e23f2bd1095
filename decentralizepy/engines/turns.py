"""Runs the nodes of one thread in turn, each until it waits for a message."""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import greenlet

from decentralizepy.engines.globals import Globals
from decentralizepy.network.clock import VirtualClock

Message = tuple[int, Sequence[Any]]

CHECK_S = 0.005  # how often a node's own thread looks for a message


class Turns:
    """Greenlets that run in order of uid; one that waits gives way to the next.

    Time passes only while all of them wait: a wait for a message reaches its time limit
    when no other node can run. Which node runs next therefore does not depend on how
    fast the machine is.

    Parameters
    ----------
    clock : VirtualClock, optional
        Passes time instead of sleeping, and lets messages arrive.

    Attributes
    ----------
    lost : set of int
        Uids whose nodes have failed, for those that wait for them.
    pump : callable
        Called with a number of seconds when no node can run: sleeps, but not if messages
        from elsewhere arrive.
    gather : callable
        Called when no node can run with what those at :meth:`meet` passed, in order of
        uid; returns what it returns to each of them.
    """

    def __init__(self, clock: VirtualClock | None = None) -> None:
        self.clock = clock
        if clock:
            clock.sleep = self.sleep
        self.lost: set[int] = set()
        self.pump: Callable[[float], None] = time.sleep
        self.gather: Callable[[list[Any]], list[Any]] = list
        self._turns: deque[_Turn] = deque()
        self._current: _Turn | None = None
        self._thread = threading.get_ident()
        self._idle = 0  # turns that passed since one could run

    def add(self, call: Callable[[], None]) -> None:
        """Have ``call`` take its turns after those added before it."""
        self._turns.append(_Turn(call, len(self._turns)))

    def run(self, seconds: float) -> bool:
        """Run for at least one turn and about ``seconds``; return whether all have ended.

        An exception out of one of them is raised here.
        """
        deadline = time.monotonic() + seconds
        with self._hub():
            while self._turns:
                if self._idle < len(self._turns):
                    self._take_turn()
                elif not self._gather():
                    self._pass_time(deadline)
                if time.monotonic() >= deadline:
                    break
        return not self._turns

    def stop(self) -> None:
        """End all that have not, by an exception where they wait."""
        with self._hub():
            for turn in [*self._turns]:
                self._resume(turn, greenlet.GreenletExit)
            self._turns.clear()  # also those that give way while they end

    def give_way(self, inbox: "Inbox", timeout: float) -> None:
        """Wait up to ``timeout`` seconds for a message in ``inbox``."""
        turn = self._current
        if turn is None or threading.get_ident() != self._thread:
            time.sleep(min(timeout, CHECK_S))  # in a thread that a node has started
            return
        turn.inbox, turn.until = inbox, self._now() + timeout
        turn.hub.switch()
        turn.inbox = None

    def sleep(self, seconds: float) -> None:
        """Let other nodes run for a number of seconds."""
        self.give_way(Inbox(self), seconds)

    def meet(self, item: Any) -> Any:
        """Wait until no other node can run; return what ``gather`` has made of ``item``.

        Return None at once in a thread that a node has started.
        """
        turn = self._current
        if turn is None or threading.get_ident() != self._thread:
            return None
        turn.item, turn.waits = item, True
        turn.hub.switch()
        item, turn.item = turn.item, None
        return item

    @contextmanager
    def _hub(self) -> Iterator[None]:
        """Give back the globals of the code that runs the turns."""
        own = Globals()
        try:
            yield
        finally:
            own.apply()

    def _take_turn(self) -> None:
        turn = self._turns[0]
        self._turns.rotate(-1)
        if not turn.ready:
            self._idle += 1
            return
        self._resume(turn)

    def _gather(self) -> bool:
        """Let those that wait for each other continue; return whether any node can run."""
        met = [turn for turn in self._turns if turn.waits]
        if not met:
            return False
        self._idle = 0
        self.pump(0.0)
        if any(turn.ready for turn in self._turns):  # may come to wait here, too
            return True
        met.sort(key=lambda turn: turn.place)
        met[0].globals.apply()
        items = self.gather([turn.item for turn in met])
        for turn, item in zip(met, items, strict=True):
            turn.item, turn.waits = item, False
        return True

    def _pass_time(self, deadline: float) -> None:
        """Sleep until the first time limit, and resume the node that it is for."""
        first = min(self._turns, key=lambda turn: turn.until)
        if self.clock:
            self.clock.advance(first.until)
        else:
            self.pump(max(0.0, min(first.until, deadline) - time.monotonic()))
        if any(turn.ready for turn in self._turns):
            self._idle = 0
        elif first.until <= self._now():
            self._resume(first)

    def _now(self) -> float:
        return self.clock.now() if self.clock else time.monotonic()

    def _resume(
        self, turn: "_Turn", exception: type[BaseException] | None = None
    ) -> None:
        """Switch to a node, and back here when it gives way or ends."""
        self._idle = 0
        turn.globals.apply()
        self._current, turn.hub = turn, greenlet.getcurrent()
        try:
            if exception:
                turn.throw(exception)
            else:
                turn.switch()
        finally:
            self._current = None
            turn.globals.note()
            if turn.dead:
                self._turns.remove(turn)


class _Turn(greenlet.greenlet):
    """A node's own stack, and what it waits for."""

    def __init__(self, call: Callable[[], None], place: int) -> None:
        super().__init__(call)
        self.place = place
        self.globals = Globals()
        self.hub: greenlet.greenlet
        self.inbox: Inbox | None = None
        self.until = 0.0
        self.item: Any = None
        self.waits = False  # for others to meet

    @property
    def ready(self) -> bool:
        if self.waits:
            return False
        return self.inbox is None or bool(self.inbox)


class Inbox(deque[Message]):
    """The messages to one node; reads like a queue of a thread's.

    For :class:`~decentralizepy.communication.InProcess.InProcess`.

    Parameters
    ----------
    turns : Turns
    uid : int, optional
        The node; needed only if a virtual clock says when messages arrive.
    """

    def __init__(self, turns: Turns, uid: int = 0) -> None:
        super().__init__()
        self.turns, self.uid = turns, uid

    def put(self, item: Message) -> None:
        """Add a message, or have it arrive once the network has carried it."""
        if clock := self.turns.clock:
            sender, frames = item
            size = sum(memoryview(frame).nbytes for frame in frames)
            clock.carry(sender, self.uid, size, partial(self.append, item))
        else:
            self.append(item)

    def get(self, timeout: float) -> Message:
        """Return the next message; raise queue.Empty if none comes in ``timeout`` s."""
        if not self:
            self.turns.give_way(self, timeout)
        if not self:
            raise queue.Empty
        return self.popleft()
