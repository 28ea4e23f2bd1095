"""Breaks when machines resume from different rounds, or cannot say why they do not."""

import queue
from types import SimpleNamespace

import pytest

from decentralizepy.errors import ConfigError
from decentralizepy.graphs.Ring import Ring
from decentralizepy.node.agreement import agree
from tests.support.networks import run_threads

LIMIT_S = 60


class Peer:
    """A node of a ring, on a machine of its own, that has passed the start barrier."""

    start_timeout = LIMIT_S

    def __init__(self, uid, graph, inboxes):
        self.machine_id, self.graph, self.inboxes = uid, graph, inboxes
        self.barrier = graph.neighbors(uid)
        self.ended = False
        self.communication = SimpleNamespace(
            total_bytes=7, send=self.send, terminate=self.terminate
        )

    def terminate(self, drain_ms):
        assert drain_ms > 0
        self.ended = True

    def send(self, uid, message):
        self.communication.total_bytes += 100
        self.inboxes[uid].put((self.machine_id, message))

    def wait_for(self, channel, missing, timeout):
        assert channel == "ROUNDS"
        return self.inboxes[self.machine_id].get(timeout=timeout)


def agreed(offers):
    """Return what nodes of a ring agree on, by uid; each has rounds of its own."""
    graph = Ring(len(offers))
    inboxes = {uid: queue.Queue() for uid in offers}

    def build(uid):
        peer = Peer(uid, graph, inboxes)
        try:
            number = agree(peer, offers[uid])
        except ConfigError:
            assert peer.ended  # not before its peers have what it sent
            raise
        assert peer.communication.total_bytes == 7  # it counts for no run
        return number

    return run_threads(build, offers)


def test_the_newest_round_that_is_everywhere_is_agreed_on():
    """Four of the six do not greet the one that lacks round 8."""
    offers = {uid: [4, 8, 12] for uid in (1, 2, 4, 5)} | {3: [4, 12], 0: [8, 4]}
    assert agreed(offers) == dict.fromkeys(range(6), 4)


def test_all_rounds_are_named_if_none_is_everywhere():
    offers = {0: [4, 8], 1: [4, 8], 2: [8], 3: [4]}
    told = "machine 0 has 4, 8; machine 1 has 4, 8; machine 2 has 8; machine 3 has 4$"
    with pytest.raises(ConfigError, match=told):
        agreed(offers)
