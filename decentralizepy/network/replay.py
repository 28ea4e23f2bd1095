"""Computes the virtual time of every round from what nodes recorded while they ran."""

import heapq
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from decentralizepy.network.description import Network
from decentralizepy.network.flows import FairFlows, FifoLinks

Event = Sequence[Any]
Rounds = Iterable[tuple[int, Sequence[Event]]]
Times = dict[int, float]
"""Seconds by round."""

Label = tuple[int, int, str, int]
"""A message: its sender, receiver, channel and round."""


def replay(records: Mapping[int, Rounds], network: Network) -> dict[int, Times]:
    """Return the virtual time at the end of each round, in seconds, by uid and round.

    A node computes, sends and waits as it did, but each takes as long as the network
    says. The time is 0 when a node's first round begins. Rounds that wait for a message
    that was never sent are left out, and all after them.

    Parameters
    ----------
    records
        For each uid, its rounds in order, with the events of each. An event is
        ``("compute", seconds)``, ``("send", uids, size, channel, round)``,
        ``("await", uids, channel, round)``, or ``("idle", 0)`` at the beginning of a round
        that takes no time to compute.
    network
    """
    return _Replay(records, network).run()


@dataclass
class _Node:
    """A node's place in its record."""

    events: Iterator[tuple[int, Event]]
    now: float = 0.0
    missing: set[Label] = field(default_factory=set)
    spent: int = -1  # the round whose constant time has passed
    times: Times = field(default_factory=dict)


class _Replay:
    def __init__(self, records: Mapping[int, Rounds], network: Network) -> None:
        self.network = network
        self.links: FairFlows | FifoLinks = network.links()
        self.nodes = {uid: _Node(_flat(records[uid])) for uid in sorted(records)}
        self.delays = {uid: network.delays(uid) for uid in self.nodes}
        self.arrived: dict[Label, float] = {}
        self.due: list[tuple[float, int, int, Event]] = []  # sends, by time
        self.count = 0

    def run(self) -> dict[int, Times]:
        for uid in self.nodes:
            self.go_on(uid)
        while True:
            ended = self.links.next_time
            begun = self.due[0][0] if self.due else math.inf
            if begun <= ended and self.due:
                self.start_due(begun)
            elif ended < math.inf:
                for key, end in self.links.step():
                    self.arrive(key, end)
            else:
                return {uid: node.times for uid, node in self.nodes.items()}

    def start_due(self, begun: float) -> None:
        """Start the sends that are due, and those a negligible time later."""
        while self.due and self.due[0][0] <= begun + self.slack():
            time, _, uid, event = heapq.heappop(self.due)
            _, uids, size, channel, number = event
            for receiver in uids:
                label = (uid, receiver, channel, number)
                transfer = self.network.transfer(label, uid, receiver, size)
                self.links.start(time, transfer)
            self.go_on(uid)

    def slack(self) -> float:
        """Return the time, small beside its transfer, that the next send may be early."""
        _, _, uid, (_, _, size, *_) = self.due[0]
        up = float(self.network.up[self.network.place(uid)])
        return self.links.tolerance * float(size) / up

    def arrive(self, label: Label, end: float) -> None:
        """Note a message, and continue with the receiver if it was the last missing."""
        sender, receiver, _, _ = label
        self.arrived[label] = end + self.delays[sender](receiver)
        node = self.nodes.get(receiver)
        if node is None or label not in node.missing:
            return
        node.missing.remove(label)
        node.now = max(node.now, self.arrived.pop(label))
        if not node.missing:
            self.go_on(receiver)

    def go_on(self, uid: int) -> None:
        """Take a node's events up to its next send, or until it waits."""
        node = self.nodes[uid]
        for number, event in node.events:
            if event[0] in ("compute", "idle"):
                self.compute(node, number, event)
            elif event[0] == "await":
                self.wait(uid, node, event)
                if node.missing:
                    return
            else:
                self.spend(uid, node, number)
            if event[0] == "end":
                node.times[number] = node.now
            elif event[0] == "send":
                self.count += 1
                heapq.heappush(self.due, (node.now, self.count, uid, event))
                return

    def compute(self, node: _Node, number: int, event: Event) -> None:
        """Let measured time pass, if that counts; none at all in an idle round."""
        if event[0] == "idle":
            node.spent = number
        elif self.network.compute is None:
            node.now += event[1]

    def spend(self, uid: int, node: _Node, number: int) -> None:
        """Let a round's constant time pass, once, before its first message is sent."""
        if number != node.spent:
            node.spent = number
            node.now += self.network.seconds(uid)

    def wait(self, uid: int, node: _Node, event: Event) -> None:
        _, uids, channel, number = event
        labels = [(sender, uid, channel, number) for sender in uids]
        node.missing = {label for label in labels if label not in self.arrived}
        present = [self.arrived.pop(label) for label in labels if label in self.arrived]
        node.now = max([node.now, *present])


def _flat(rounds: Rounds) -> Iterator[tuple[int, Event]]:
    for number, events in rounds:
        for event in events:
            yield number, event
        yield number, ("end",)
