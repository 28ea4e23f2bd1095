"""Breaks when the proxy does no harm, so that the tests behind it would prove nothing."""

import socket
import threading
import time

import pytest

from tests.support.proxy import CHUNK, Proxy

DATA = bytes(range(256)) * 1000


@pytest.fixture
def echo():
    """Return the port of a server that sends back what it gets."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,)).start()

    thread = threading.Thread(target=serve)
    thread.start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()


def answer(connection):
    with connection:
        try:
            while data := connection.recv(CHUNK):
                connection.sendall(data)
        except OSError:
            return


def exchange(port, data=DATA):
    """Return what comes back, and the seconds that it took."""
    started, back = time.monotonic(), b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        sender = threading.Thread(target=send, args=(connection, data))
        sender.start()
        try:
            while len(back) < len(data) and (part := connection.recv(1 << 16)):
                back += part
        except ConnectionResetError:
            back += b"reset"
        sender.join()
    return back, time.monotonic() - started


def send(connection, data):
    try:
        connection.sendall(data)
    except OSError:
        return


def test_it_passes_on_what_it_gets(echo):
    with Proxy({"a": echo, "b": echo}) as proxy:
        assert exchange(proxy.ports["a"])[0] == DATA
        assert exchange(proxy.ports["b"])[0] == DATA


def test_it_is_late(echo):
    with Proxy({"a": echo}, delay=(0.1, 0.3)) as proxy:
        back, seconds = exchange(proxy.ports["a"], b"x")
    assert back == b"x"
    assert seconds >= 0.2


def test_it_is_slow(echo):
    with Proxy({"a": echo}, rate=50_000) as proxy:
        back, seconds = exchange(proxy.ports["a"], DATA[:25_000])
    assert back == DATA[:25_000]
    assert seconds > 0.5


def test_it_resets_some_connections_in_the_middle(echo):
    with Proxy({"a": echo}, reset_after=100_000, resets=2) as proxy:
        for _ in range(2):
            back, _ = exchange(proxy.ports["a"])
            assert back.endswith(b"reset")
        assert exchange(proxy.ports["a"])[0] == DATA
    assert proxy.cut == 2


def test_it_stalls_one_way(echo):
    with Proxy({"a": echo}, stall=(0, 0.5)) as proxy:
        back, seconds = exchange(proxy.ports["a"], b"x")
    assert back == b"x"
    assert seconds > 0.3
