"""Breaks when the ports of a run are taken between its launchers' start and its nodes'."""

import socket

import pytest
import zmq

from decentralizepy.placement.ports import held
from tests.support.ports import free_offset


def pair(offset):
    return [offset, offset + 1]


def test_two_launchers_on_one_host_get_different_ports():
    wished = free_offset(2)
    with held("127.0.0.1", pair, wished) as one, held("127.0.0.1", pair, wished) as two:
        assert one == wished
        assert not {*pair(one)} & {*pair(two)}


def test_nodes_listen_at_the_held_ports_and_nobody_is_heard_there_before():
    with held("127.0.0.1", pair) as offset:
        address = "127.0.0.1", offset
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)
        for _ in range(2):  # also after a restart
            with socket.create_server(address):  # with SO_REUSEADDR, as ZeroMQ does
                socket.create_connection(address).close()
        with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
            router.bind(f"tcp://127.0.0.1:{offset + 1}")


def test_ports_are_free_again_after_the_run():
    with held("127.0.0.1", pair) as offset:
        pass
    with held("127.0.0.1", pair, offset) as again:
        assert again == offset
