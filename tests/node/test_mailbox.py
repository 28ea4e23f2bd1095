"""Breaks when a message is lost between channels, or a wait is unbounded."""

import logging
import threading
import time
from collections import deque

import pytest

from decentralizepy.communication.InProcess import InProcess, make_exchange
from decentralizepy.errors import PeerLost, PeerTimeout
from decentralizepy.mappings.Linear import Linear
from decentralizepy.node.Node import Node


@pytest.fixture
def node():
    node = Node.__new__(Node)
    exchange = make_exchange(3)
    node.communication = InProcess(0, 0, Linear(1, 3), 3, exchange, recv_timeout=2)
    return node


def deliver(node, channel, sender=1, **fields):
    end = InProcess(sender, 0, Linear(1, 3), 3, node.communication.exchange)
    end.send(0, {"CHANNEL": channel, **fields})


def test_messages_of_other_channels_wait_in_their_order(node):
    for number in range(3):
        deliver(node, "mine", number=number)
    deliver(node, "other")
    assert node.receive_channel("other")[0] == 1
    numbers = [node.receive_channel("mine")[1]["number"] for _ in range(3)]
    assert numbers == [0, 1, 2]
    assert node.receive_channel("mine", block=False) is None


def test_a_wait_ends_and_names_whom_it_waited_for(node):
    node.peer_timeout = 0.05
    with pytest.raises(PeerTimeout, match=r"on DPSGD for uid 1, 2 for 0.05 s"):
        node.wait_for("DPSGD", missing=lambda: {2, 1})
    node.peer_timeout = 0.01
    with pytest.raises(PeerTimeout, match=r"any peer for 0\.01 s"):
        node.receive_channel("DPSGD")


def test_of_two_expectations_the_outer_one_holds(node):
    with (
        node.expecting(lambda: {2}, timeout=0.01),
        pytest.raises(PeerTimeout, match=r"for uid 2 for 0\.01 s"),
    ):
        node.wait_for("DPSGD", missing=lambda: {1}, timeout=5)
    node.peer_timeout = 0.02
    with pytest.raises(PeerTimeout, match=r"any peer for 0\.02 s"):
        node.receive_channel("DPSGD")


def test_a_second_thread_waits_for_whom_it_likes(node):
    node.peer_timeout, heard = 0.01, []

    def listen():
        with pytest.raises(PeerTimeout) as caught:
            node.receive_channel("other")
        heard.append(str(caught.value))

    with node.expecting(lambda: {2}, timeout=5):
        thread = threading.Thread(target=listen)
        thread.start()
        thread.join()
    assert heard == ["waiting on other for any peer for 0.01 s"]


def test_a_long_wait_is_logged_once(node, caplog):
    node.warn_after = 0.01
    with caplog.at_level(logging.WARNING), pytest.raises(PeerTimeout):
        node.wait_for("DPSGD", missing=lambda: {2}, timeout=0.1)
    assert caplog.text.count("waiting on DPSGD for uid 2") == 1


def test_the_start_barrier_names_who_did_not_greet(node):
    node.uid, node.my_neighbors, node.start_timeout = 0, {1, 2}, 0.05
    deliver(node, "CONNECT", HELLO=1)
    with pytest.raises(PeerTimeout, match="on CONNECT for uid 2 "):
        node.connect_neighbors()


@pytest.fixture
def clock(node, monkeypatch):
    """Let each look for a message take 200 s; uids 1 and 2 greet in the first two."""
    now, greeted = [0.0], iter([1, 2])

    def receive(block):
        now[0] += 200
        uid = next(greeted, None)
        return uid and (uid, {"CHANNEL": "CONNECT", "HELLO": uid})

    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(node.communication, "receive", receive)
    node.uid, node.my_neighbors, node.start_timeout = 0, {1, 2}, 300
    return now


def test_the_start_barrier_has_one_limit_for_all_greetings(node, clock):
    """Else each greeting would give the others as long again."""
    node.communication.already_connected = lambda uid: False
    node.connect_neighbor = lambda uid: None
    with pytest.raises(PeerTimeout, match="for uid 3 for 300 s"):
        node.meet({1, 2, 3})
    assert clock[0] == 600  # the first look after 300 that finds no greeting


def test_a_barrier_of_a_foreign_node_has_one_limit_too(node, clock):
    node.wait_for_hello(1)
    node.wait_for_hello(2)
    with pytest.raises(PeerTimeout, match="for uid 3 for 300 s"):
        node.wait_for_hello(3)
    assert clock[0] == 600


def test_a_peer_that_is_met_later_has_the_whole_limit(node, clock):
    node.wait_for_hello(1)
    node.wait_for_hello(2)
    node.message_queue["DPSGD"] = deque([(1, {})])
    node.receive_channel("DPSGD")
    with pytest.raises(PeerTimeout, match="for uid 3 for 300 s"):
        node.wait_for_hello(3)
    assert clock[0] == 800


def test_a_peer_that_is_lost_in_the_start_barrier_ends_it_unless_lost_ones_are_dropped(
    node,
):
    """It was there, and has died without a greeting; the other one greets."""
    node.uid, node.my_neighbors = 0, {1, 2}
    node.communication.lost = {1}
    with pytest.raises(PeerLost, match="lost uid 1"):
        node.connect_neighbors()
    node.on_peer_loss = "drop"
    node.communication.connected.clear()
    deliver(node, "CONNECT", sender=2, HELLO=2)
    node.connect_neighbors()
    assert (node.barrier, node.lost_peers) == ({2}, {1})


def test_the_end_barrier_names_who_did_not_answer(node):
    node.uid, node.barrier, node.peer_timeout = 0, {1, 2}, 0.05
    deliver(node, "DISCONNECT", BYE=1)
    with pytest.raises(PeerTimeout, match="on DISCONNECT for uid 2 "):
        node.disconnect_neighbors()


def test_limits_come_from_the_section_faults(node):
    node.init_limits({"peer_timeout": 3, "warn_after": 1})
    assert (node.peer_timeout, node.warn_after) == (3.0, 1.0)
    assert node.start_timeout == Node.start_timeout


def test_two_threads_read_two_channels(node):
    received = []
    second = threading.Thread(
        target=lambda: received.append(node.receive_channel("second"))
    )
    second.start()
    reader = threading.Thread(
        target=lambda: received.append(node.receive_channel("first"))
    )
    reader.start()
    time.sleep(0.02)
    deliver(node, "second")
    deliver(node, "first")
    for thread in (second, reader):
        thread.join(5)
    assert {message["CHANNEL"] for _, message in received} == {"first", "second"}


def test_the_wait_of_a_round_and_who_ended_the_longest_are_counted(node):
    """Breaks when results do not say who held a round up."""
    node.note_wait(time.monotonic() - 2, 1)
    node.note_wait(time.monotonic() - 3, 2)
    node.note_wait(time.monotonic() - 1, 1)
    waits = node.take_waits()
    assert waits["wait"] == pytest.approx(6, abs=0.1)
    assert waits["slowest"] == 2
    assert node.take_waits() == {"wait": 0.0}


def test_a_wait_of_its_own_is_counted_and_a_look_is_not(node):
    node.receive_channel("mine", block=False)
    assert node.take_waits() == {"wait": 0.0}
    timer = threading.Timer(0.1, deliver, (node, "mine", 2))
    timer.start()
    node.receive_channel("mine")
    waits = node.take_waits()
    assert 0.05 < waits["wait"] < 5
    assert waits["slowest"] == 2
    timer.join()


def test_wait_for_never_returns_none(node):
    deliver(node, "mine")
    assert node.wait_for("mine")[0] == 1
    node.peer_timeout = 0.05
    with pytest.raises(PeerTimeout, match=r"on mine for uid 2"):
        node.wait_for("mine", missing=lambda: {2})
    node.receive_channel = lambda channel, **options: None  # a foreign one
    with pytest.raises(PeerTimeout, match="nothing received on mine"):
        node.wait_for("mine")
