"""Breaks when a transport takes a living peer for lost, a lost one for living, or hangs."""

import threading
import time
from contextlib import ExitStack

import numpy as np
import pytest
import zmq

from decentralizepy.communication._link import WINDOW
from decentralizepy.communication._watch import LOST_AFTER
from decentralizepy.communication.IPC import IPC
from decentralizepy.errors import PeerLost, PeerTimeout
from decentralizepy.mappings.Linear import Linear
from tests.support import LIMIT_S

HELLO = {"HELLO": 0, "CHANNEL": "CONNECT"}


@pytest.fixture
def make(tmp_path):
    """Return a function from a rank to that node's end of a network of three."""
    with ExitStack() as ends:

        def make(rank):
            end = IPC(rank, 0, Linear(1, 3), 3, socket_dir=str(tmp_path))
            ends.callback(lambda: end.context.closed or end.terminate(0))
            return end

        yield make


def until(condition, *ends):
    """Let ``ends`` work until ``condition()`` holds; return what they received."""
    deadline, received = time.monotonic() + LIMIT_S, []
    while not condition():
        assert time.monotonic() < deadline
        received += [end.receive(block=False) for end in ends]
    return [message for message in received if message]


def meet(sender, receiver):
    sender.init_connection(receiver.uid)
    sender.send(receiver.uid, HELLO)
    until(lambda: not sender.links[receiver.uid].unacknowledged, sender, receiver)


def test_a_peer_that_was_never_there_is_not_lost(make):
    """It may come late: the start barrier has a limit of its own."""
    sender = make(0)
    sender.init_connection(1)
    until(lambda: sender.watches[1]._failures > LOST_AFTER, sender)
    assert not sender.lost


def test_a_peer_that_has_ended_is_lost_and_may_come_back(make):
    sender, receiver = make(0), make(1)
    meet(sender, receiver)
    receiver.context.destroy(linger=0)  # as if killed
    until(lambda: sender.lost, sender)
    assert sender.lost == {1}
    second = make(1)
    until(lambda: not sender.lost, sender)
    sender.send(1, HELLO)
    until(lambda: second.rejected, sender, second)  # it was told to the first one
    sender.forget(1)
    sender.init_connection(1)
    sender.send(1, HELLO)
    assert second.receive() == (0, HELLO)


def test_what_a_connection_lost_comes_on_the_next(make, monkeypatch):
    """Breaks when a message is lost with the connection it was on."""
    monkeypatch.setattr("decentralizepy.communication._link.ASK_S", 1e9)
    sender, receiver = make(0), make(1)
    meet(sender, receiver)
    address = receiver.router.last_endpoint
    receiver.router.unbind(address)
    receiver.router.close(0)  # with whatever had come in
    for number in range(5):
        sender.send(1, {"CHANNEL": "x", "number": number})
    receiver.router = receiver._socket(zmq.ROUTER)
    receiver.router.bind(address)
    came = until(lambda: not sender.links[1].unacknowledged, sender, receiver)
    while len(came) < 5:
        came.append(receiver.receive())
    assert [message["number"] for _, message in came] == list(range(5))


def test_a_sender_waits_for_a_slow_receiver(make):
    """Breaks when memory grows with all that a peer has not read, or a message is lost."""
    sender, receiver = make(0), make(1)
    meet(sender, receiver)
    total, numbers = 3 * WINDOW, []

    def read():
        while len(numbers) < total:
            time.sleep(0.001)
            numbers.append(receiver.receive()[1]["number"])

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(total):
        sender.send(1, {"CHANNEL": "x", "number": number})
        assert len(sender.links[1].unacknowledged) <= WINDOW
    reader.join()
    assert numbers == list(range(total))


def test_two_that_wait_for_each_other_do_not_hang(make):
    """Both send more than a window before they read what the other sent."""
    ends = make(0), make(1)
    meet(*ends)
    meet(ends[1], ends[0])

    def send(end, peer):
        for number in range(2 * WINDOW):
            end.send(peer, {"CHANNEL": "x", "number": number})
        for number in range(2 * WINDOW):
            assert end.receive()[1]["number"] == number

    threads = [threading.Thread(target=send, args=(ends[k], 1 - k)) for k in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
        assert not thread.is_alive()


def test_sending_to_who_reads_nothing_ends(make):
    sender = make(0)
    sender.init_connection(1)
    sender.stall_timeout = 0.2
    for _ in range(WINDOW):
        sender.send(1, HELLO)
    with pytest.raises(PeerTimeout, match=r"uid 1 has acknowledged nothing for 0\.2 s"):
        sender.send(1, HELLO)
    sender.watches[1].met = True
    with pytest.raises(PeerLost, match="lost uid 1"):
        until(lambda: sender.send(1, HELLO))


def test_the_end_waits_for_the_last_message_and_not_for_ever(make, caplog):
    """BYE is confirmed; a peer that hangs costs the drain, and a warning."""
    sender, receiver = make(0), make(1)
    meet(sender, receiver)
    sender.send(1, {"BYE": 0, "CHANNEL": "DISCONNECT"})
    closing = threading.Thread(target=sender.terminate)
    closing.start()
    assert receiver.receive()[1]["BYE"] == 0
    closing.join(LIMIT_S)
    assert not closing.is_alive()
    assert not caplog.records
    hanging = make(2)
    meet(receiver, hanging)
    receiver.send(2, {"BYE": 1, "CHANNEL": "DISCONNECT"})
    receiver.terminate(300)
    assert "last message not acknowledged by uid [2]" in caplog.text


def test_a_second_thread_may_send_while_the_first_reads(make):
    """Foreign nodes do; ZeroMQ's sockets allow one thread at a time."""
    ends = make(0), make(1)
    meet(*ends)
    meet(ends[1], ends[0])
    params, total = np.ones(1000, np.float32), 300

    def send():
        for _ in range(total):
            ends[0].send(1, {"CHANNEL": "x", "params": params})
            ends[1].send(0, {"CHANNEL": "x", "params": params})

    thread = threading.Thread(target=send)
    thread.start()
    came = []
    deadline = time.monotonic() + LIMIT_S
    while len(came) < 2 * total:
        assert time.monotonic() < deadline
        came += [each for end in ends if (each := end.receive(block=False))]
    thread.join()
    assert all(message["params"].sum() == 1000 for _, message in came)


def test_a_peer_whose_place_another_process_takes_at_once_is_lost(make):
    """A node that was started again is not the one that its peers wait for."""
    sender, receiver = make(0), make(1)
    meet(sender, receiver)
    receiver.context.destroy(linger=0)  # as if killed
    successor = make(1)
    until(lambda: 1 in sender.lost, sender, successor)
    sender.forget(1)
    meet(sender, successor)
    assert not sender.lost


@pytest.mark.parametrize("dialled_first", [True, False])
def test_a_peer_that_was_heard_and_died_before_it_was_connected_is_lost(
    make, dialled_first
):
    """As in the start barrier: it greeted this node, which has yet to reach it."""
    node, peer = make(0), make(1)
    peer.router.unbind(peer.router.last_endpoint)  # nobody connects to it
    if dialled_first:
        node.init_connection(1)
    peer.init_connection(0)
    peer.send(0, HELLO)
    until(lambda: node.links[1].peer_instance, node)
    if not dialled_first:
        node.init_connection(1)
    until(lambda: node.lost, node)
    assert node.lost == {1}


def test_failures_from_before_a_peer_was_there_do_not_count(make):
    """A node that was busy finds them together with the peer's first message."""
    node = make(0)
    node.init_connection(1)
    until(lambda: node.watches[1]._failures > LOST_AFTER, node)
    node.destroy_connection(1, 0)
    node.init_connection(1)  # its failures are not read
    time.sleep(1)
    node.watches[1].hear()
    node._tick()
    assert not node.lost
