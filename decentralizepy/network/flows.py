"""Transfers that share the links of their ends: max-min fair flows, or first in, first out."""

import heapq
import math
from collections import deque
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

TOLERANCE = 1e-3
"""Ends that are closer than this part of a transfer's duration are one event."""
EQUAL = 1 - 1e-12  # shares that only differ by rounding


class Transfer(NamedTuple):
    """Bytes on their way from one end to another.

    Attributes
    ----------
    key : object
        What :meth:`FairFlows.step` returns with the end of the transfer.
    source, target : int
        Indices of the ends.
    size : float
        In bytes.
    cap : float
        The most that this transfer may get, in bytes per second.
    """

    key: Any
    source: int
    target: int
    size: float
    cap: float = math.inf


def fair_rates(
    source: Indices, target: Indices, up: Floats, down: Floats, cap: Floats
) -> Floats:
    """Return the max-min fair rates of flows that share uplinks and downlinks.

    Progressive filling (Bertsekas and Gallager, Data Networks, 1992, section 6.5.2), in
    which all links that limit all of their flows are filled at once.

    Parameters
    ----------
    source, target : array of shape (F,)
        The uplink and the downlink of each flow.
    up, down : array of shape (N,)
        Their capacities.
    cap : array of shape (F,)
        What each flow may get at most; of each flow, one of the three limits is finite.

    Returns
    -------
    array of shape (F,)
    """
    ends = np.stack([source, up.size + target])
    left = np.concatenate([up, down])
    rates = np.empty(source.size)
    open_ = np.arange(source.size)
    while open_.size:
        count = np.bincount(ends.ravel(), minlength=left.size)
        share = np.full(left.size, np.inf)
        np.divide(left, count, out=share, where=count > 0)
        level = np.minimum(share[ends].min(axis=0), cap)
        least = np.full(left.size, np.inf)
        for end in ends:
            np.minimum.at(least, end, level)
        full = least >= share * EQUAL
        fixed = full[ends].any(axis=0) | (cap <= level)
        rates[open_[fixed]] = level[fixed]
        taken = np.tile(level[fixed], 2)
        used = np.bincount(ends[:, fixed].ravel(), taken, left.size)
        left = np.maximum(left - used, 0)
        ends, cap, open_ = ends[:, ~fixed], cap[~fixed], open_[~fixed]
    return rates


class FairFlows:
    """Transfers at max-min fair rates, which change whenever one starts or ends.

    Transfers from one end to the same other one follow each other, as on a connection.

    Parameters
    ----------
    up, down : array of shape (N,)
        Bytes per second that each end can send, and receive; may be infinite.
    tolerance : float
        Ends that are closer than this part of a transfer's duration are one event.
    """

    def __init__(self, up: Floats, down: Floats, tolerance: float = TOLERANCE) -> None:
        self.up, self.down, self.tolerance = up, down, tolerance
        self._now = 0.0
        self._flows: list[Transfer] = []
        self._ends = np.empty((2, 0), np.intp)
        self._cap = np.empty(0)
        self._left = np.empty(0)  # bytes
        self._began = np.empty(0)
        self._until = np.empty(0)  # when each ends at the present rate
        self._rate = np.empty(0)
        self._new: list[tuple[float, Transfer]] = []
        self._queues: dict[tuple[int, int], deque[Transfer]] = {}

    def start(self, time: float, transfer: Transfer) -> None:
        """Start a transfer; ``time`` does not decrease from call to call."""
        pair = transfer.source, transfer.target
        if pair in self._queues:
            self._queues[pair].append(transfer)
            return
        self._queues[pair] = deque()
        self._new.append((max(time, self._now), transfer))

    @property
    def next_time(self) -> float:
        """When the next transfer ends; infinity if none is on its way."""
        if self._new:
            self._admit()
        return float(self._until.min()) if self._until.size else math.inf

    def step(self) -> list[tuple[Any, float]]:
        """Return the keys of the transfers that end next, and when each of them does."""
        now = self.next_time
        slack = self.tolerance * (self._until - self._began)
        done = self._until <= now + slack
        ended = [
            (self._flows[place], float(self._until[place]))
            for place in np.flatnonzero(done)
        ]
        self._advance(now)
        self._keep(~done)
        for transfer, end in ended:
            self._follow(transfer, end)
        if not self._new:
            self._share()
        return [(transfer.key, end) for transfer, end in ended]

    def _follow(self, transfer: Transfer, end: float) -> None:
        """Start what has waited for the connection, if there is anything."""
        pair = transfer.source, transfer.target
        queue = self._queues[pair]
        if queue:
            self._new.append((end, queue.popleft()))
        else:
            del self._queues[pair]

    def _admit(self) -> None:
        """Have new transfers take part."""
        began, flows = zip(*self._new, strict=True)
        self._new = []
        self._advance(max(self._now, min(began)))
        self._flows += flows
        ends = [[each.source for each in flows], [each.target for each in flows]]
        self._ends = np.concatenate([self._ends, np.array(ends, np.intp)], axis=1)
        sizes, caps = [each.size for each in flows], [each.cap for each in flows]
        self._left = np.concatenate([self._left, sizes])
        self._cap = np.concatenate([self._cap, caps])
        self._began = np.concatenate([self._began, began])
        self._share()

    def _advance(self, time: float) -> None:
        if self._rate.size:
            self._left = np.maximum(self._left - self._rate * (time - self._now), 0)
        self._now = time

    def _keep(self, kept: npt.NDArray[np.bool_]) -> None:
        self._flows = [self._flows[place] for place in np.flatnonzero(kept)]
        self._ends, self._cap = self._ends[:, kept], self._cap[kept]
        self._left, self._began = self._left[kept], self._began[kept]
        self._rate, self._until = self._rate[kept], self._until[kept]

    def _share(self) -> None:
        """Divide the links among all transfers."""
        source, target = self._ends
        limit = np.minimum(self.up[source], self.down[target])
        limited = np.isfinite(np.minimum(limit, self._cap))
        self._rate = np.full(source.size, np.inf)
        self._rate[limited] = fair_rates(
            source[limited], target[limited], self.up, self.down, self._cap[limited]
        )
        self._until = np.maximum(self._now, self._began) + self._left / self._rate
        self._rate[~limited] = 0  # nothing to subtract when time passes


class FifoLinks:
    """Transfers one after another: in the order in which each end sends, and receives.

    A transfer is received while it is sent, so that alone it takes no longer than its
    slowest link needs. Arguments as for :class:`FairFlows`.
    """

    def __init__(self, up: Floats, down: Floats, tolerance: float = 0.0) -> None:
        self.up, self.down, self.tolerance = up, down, tolerance
        self._up_free = np.zeros(up.size)
        self._down_free = np.zeros(down.size)
        self._sent: list[tuple[float, int, float, Transfer]] = []
        self._count = 0

    def start(self, time: float, transfer: Transfer) -> None:
        """Have a transfer wait for its turn; ``time`` does not decrease."""
        source = transfer.source
        began = max(time, float(self._up_free[source]))
        sent = began + transfer.size / min(float(self.up[source]), transfer.cap)
        self._up_free[source] = sent
        self._count += 1
        heapq.heappush(self._sent, (began, self._count, sent, transfer))

    @property
    def next_time(self) -> float:
        """When the next transfer begins; infinity if there is none."""
        return self._sent[0][0] if self._sent else math.inf

    def step(self) -> list[tuple[Any, float]]:
        """Return the key of the transfer that begins next, and when it will end."""
        began, _, sent, transfer = heapq.heappop(self._sent)
        target = transfer.target
        began = max(began, float(self._down_free[target]))
        end = max(sent, began + transfer.size / float(self.down[target]))
        self._down_free[target] = end
        return [(transfer.key, end)]
