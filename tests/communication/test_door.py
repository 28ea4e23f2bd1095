"""Breaks when strangers can take all files of a node, or fill its memory."""

import json
import socket
import time
from contextlib import ExitStack, suppress
from functools import partial

import pytest
import zmq

from decentralizepy.communication import _door
from decentralizepy.communication._sockets import BACKLOG
from decentralizepy.communication.TCP import TCP
from decentralizepy.mappings.Linear import Linear
from tests.support import LIMIT_S
from tests.support.ports import free_offset
from tests.support.strangers import greeting

HELLO = {"HELLO": 0, "CHANNEL": "CONNECT"}


@pytest.fixture
def ends(tmp_path):
    """Return the ends of two nodes that have met."""
    (tmp_path / "ip.json").write_text(json.dumps({"0": "127.0.0.1"}))
    place = (0, Linear(1, 2), 2, str(tmp_path / "ip.json"), free_offset(4))
    made = [TCP(rank, *place) for rank in range(2)]
    for end, peer in ((made[0], 1), (made[1], 0)):
        end.init_connection(peer)
        end.send(peer, HELLO)
    assert [end.receive()[0] for end in made] == [1, 0]
    yield made
    for end in made:
        end.terminate(0)


def connect(stack, end):
    host, port = end.router.last_endpoint.decode()[len("tcp://") :].rsplit(":", 1)
    return stack.enter_context(socket.create_connection((host, int(port))))


def say(connection, words):
    """Send, unless the other end has closed."""
    with suppress(OSError):
        connection.sendall(words)


def closed(connection):
    """Tell whether the other end has closed, whatever it said before."""
    connection.setblocking(False)
    try:
        while connection.recv(4096):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def until(condition):
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def assert_they_still_talk(ends):
    for number in range(3):
        ends[0].send(1, {"CHANNEL": "x", "number": number})
        assert ends[1].receive()[1]["number"] == number
    assert not ends[0].lost


@pytest.mark.parametrize("words", [b"", greeting()])
def test_idle_connections_have_a_limit(ends, words):
    """A thousand took all the files that a node may open, and its next one ended the run."""
    most = _door.most_strangers(2)
    with ExitStack() as stack:
        idle = [connect(stack, ends[1]) for _ in range(2 * most)]
        for connection in idle:
            say(connection, words)
        until(lambda: sum(map(closed, idle)) >= most)
        assert_they_still_talk(ends)
        assert not all(map(closed, idle))  # a peer that comes now has its chance


def test_a_message_of_endless_frames_has_a_limit(ends):
    """ZeroMQ collects all frames of a message; 8 MB took 186 MiB of memory."""
    frames = b"\x01\x00" * (1 << 22)  # 8 MiB of empty ones, with more to come
    with ExitStack() as stack:
        connection = connect(stack, ends[1])
        say(connection, greeting() + frames)
        until(partial(closed, connection))
        assert_they_still_talk(ends)


def test_what_a_stranger_leaves_is_dropped_when_its_connection_ends(ends):
    """Else many connections, each with a few messages, fill a node that does not read."""

    def all_dropped():
        return ends[1].rejected == sent

    sent = 0
    with zmq.Context() as context:
        for _ in range(10):
            with context.socket(zmq.DEALER) as stranger:
                stranger.connect(ends[1].address(1, 0))
                for _ in range(BACKLOG):
                    stranger.send(bytes(1000))
                    sent += 1
            until(all_dropped)
    assert_they_still_talk(ends)


def test_a_peer_may_send_more_than_strangers(ends):
    for number in range(20):
        ends[0].send(1, {"CHANNEL": "x", "number": number, "data": bytes(400_000)})
    assert [ends[1].receive()[1]["number"] for _ in range(20)] == list(range(20))
    assert not ends[1].repeated
