"""The virtual clock of nodes that take turns, which decides when messages arrive."""

import heapq
import math
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from decentralizepy.network.description import Network
from decentralizepy.network.record import Unrecorded


class VirtualClock:
    """Virtual time that passes while nodes run, for those whose order depends on it.

    It stands still while a node runs, and passes when all of them wait.

    Parameters
    ----------
    network : Network
        With constant times of computing.

    Attributes
    ----------
    sleep : callable
        Has the node that calls it wait for a number of seconds.
    """

    sleep: Callable[[float], None]

    def __init__(self, network: Network) -> None:
        self.network = network
        self._links = network.links()
        self._now = 0.0
        self._begun: dict[int, float] = {}
        self._arrivals: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._delays: dict[int, Callable[[int], float]] = {}
        self._newest: dict[tuple[int, int], float] = {}
        self._joules: defaultdict[int, float] = defaultdict(float)

    def now(self) -> float:
        """Return the time in seconds."""
        return self._now

    def begin(self, uid: int) -> None:
        """Let the time pass that a node computes in a round, which begins now."""
        if uid not in self._begun:
            self._begun[uid] = self._now
            self._delays[uid] = self.network.delays(uid)
        place, seconds = self.network.place(uid), self.network.seconds(uid)
        if energy := self.network.energy:
            self._joules[uid] += energy.computing(place, seconds)
        self.sleep(seconds)

    def since_begin(self, uid: int) -> float:
        """Return the seconds since a node's first round began."""
        return self._now - self._begun[uid]

    def consumed(self, uid: int) -> dict[str, float]:
        """Return the joules that a node has consumed, if there is a model of that."""
        return {"energy": self._joules[uid]} if self.network.energy else {}

    def carry(
        self, sender: int, receiver: int, size: int, arrive: Callable[[], None]
    ) -> None:
        """Call ``arrive`` when a message has arrived: at once before the first round."""
        if sender not in self._begun:
            arrive()
            return
        if energy := self.network.energy:
            self._joules[sender] += energy.sent * size
            self._joules[receiver] += energy.received * size
        key = (sender, receiver, arrive)
        self._links.start(self._now, self.network.transfer(key, sender, receiver, size))

    def advance(self, until: float) -> None:
        """Advance to the next arrival of a message, but no further than ``until``."""
        while True:
            arrival = self._arrivals[0][0] if self._arrivals else math.inf
            transfer = self._links.next_time
            if min(arrival, transfer) > until:
                self._now = max(self._now, until)
                return
            if arrival < transfer:
                self._now = max(self._now, arrival)
                heapq.heappop(self._arrivals)[2]()
                return
            for (sender, receiver, arrive), end in self._links.step():
                self._expect(sender, receiver, arrive, end)

    def _expect(
        self, sender: int, receiver: int, arrive: Callable[[], None], end: float
    ) -> None:
        """Have a message arrive when its transfer has ended, and after earlier ones."""
        time = end + self._delays[sender](receiver)
        time = max(time, self._newest.get((sender, receiver), 0.0))
        self._newest[sender, receiver] = time
        self._count += 1
        heapq.heappush(self._arrivals, (time, self._count, arrive))


class Timed(Unrecorded):
    """Notes the virtual time of a node's rounds as they end."""

    def __init__(self, clock: VirtualClock, uid: int) -> None:
        self.clock, self.uid = clock, uid

    def begin(self) -> None:
        self.clock.begin(self.uid)

    def take(self) -> dict[str, Any]:
        times = {"virtual_time": self.clock.since_begin(self.uid)}
        return times | self.clock.consumed(self.uid)
