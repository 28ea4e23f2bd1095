"""Breaks when a message between workers gets lost, is sent twice, or changes order."""

from contextlib import ExitStack

import pytest

from decentralizepy.engines.bridge import Bridge
from decentralizepy.engines.turns import Turns
from tests.support import LIMIT_S

PLACES = {-1: 0, 0: 0, 1: 1, 2: 1, 3: 2}


@pytest.fixture
def bridges(tmp_path):
    with ExitStack() as stack:
        built = [Bridge(tmp_path, at, PLACES, Turns()) for at in range(3)]
        for bridge in built:
            stack.callback(bridge.close)
        yield built


def heard(bridge, uid, count):
    """Return the next messages in the inbox of a node, as (sender, frames)."""
    inbox = bridge.inboxes[uid]
    while len(inbox) < count:
        bridge.pump(LIMIT_S)
    messages = [inbox.popleft() for _ in range(count)]
    return [(sender, [bytes(frame) for frame in frames]) for sender, frames in messages]


def test_messages_arrive_in_order_with_all_their_frames(bridges):
    first, second = [b"header", b""], [b"x" * 1_000_000]
    bridges[0].inboxes[2].put((0, first))
    bridges[0].inboxes[2].put((-1, second))
    bridges[0].flush()
    assert heard(bridges[1], 2, 2) == [(0, first), (-1, second)]


def test_the_temporary_folder_may_have_a_long_path(tmp_path):
    """The path of a Unix socket has at most 107 bytes."""
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    with ExitStack() as stack:
        one, other = (Bridge(folder, at, {0: 0, 1: 1}, Turns()) for at in range(2))
        stack.callback(other.close)
        stack.callback(one.close)
        one.inboxes[1].put((0, [b"model"]))
        one.flush()
        assert heard(other, 1, 1) == [(0, [b"model"])]


def test_a_broadcast_crosses_to_a_worker_once(bridges):
    sent = []
    send = bridges[0]._sockets.send
    bridges[0]._sockets.send = lambda worker, parts: (
        sent.append(worker),
        send(worker, parts),
    )
    frames = [b"model"]
    for uid in (1, 2, 3):
        bridges[0].inboxes[uid].put((0, frames))
    bridges[0].flush()
    assert sorted(sent) == [1, 2]
    for worker, uid in ((1, 1), (1, 2), (2, 3)):
        assert heard(bridges[worker], uid, 1) == [(0, frames)]


def test_equal_messages_that_are_not_one_arrive_twice(bridges):
    bridges[0].inboxes[1].put((0, [b"model"]))
    bridges[0].inboxes[1].put((0, [b"model"]))
    bridges[0].flush()
    assert len(heard(bridges[1], 1, 2)) == 2


def test_a_node_stays_in_its_worker(bridges):
    bridges[1].inboxes[2].put((1, [b"model"]))
    assert bridges[1].inboxes[2].popleft() == (1, [b"model"])


def test_a_lost_node_is_lost_in_all_workers(bridges):
    bridges[1].tell_lost(2)
    for bridge in (bridges[0], bridges[2]):
        while not bridge.turns.lost:
            bridge.pump(LIMIT_S)
        assert bridge.turns.lost == {2}
