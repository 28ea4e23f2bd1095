"""Breaks when a change gets lost or counts twice, or when server and clients differ."""

from collections import deque
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

from decentralizepy.errors import ConfigError, PeerError
from decentralizepy.sharing.STC import STC
from tests.support.rings import Counting, Vector, bytes_of, deliver, make

finite = st.floats(-1e3, 1e3, width=32)
PLAIN = {"compress": False}


def train(node, change):
    with torch.no_grad():
        node.model.w += torch.tensor(change)


def serve(server, clients):
    """Send every client's change; return what the server then sent them all."""
    sent = {c.uid: deque([deliver(c.get_data_to_send())]) for c in clients}
    server._averaging_server(sent)
    update = deliver(server.server_broadcast())
    for client in clients:
        client.process_received(update)
    return update


def network(n_clients, size=4, **options):
    models = [Vector([0] * size) for _ in range(n_clients + 1)]
    nodes = make(STC, models, **options)
    return nodes[-1], nodes[:-1]


def test_one_round_by_hand():
    server, (first, second) = network(2, alpha=0.5, **PLAIN)
    train(first, [3.0, -1, 0, -5])
    train(second, [0.0, 6, 0, 2])
    message = first.get_data_to_send()
    assert message["indices"].tolist() == [0, 3]
    assert (message["params"].tolist(), message["mu"]) == ([0b1000_0000], 4)
    assert first.residual.tolist() == [-1, -1, 0, -1]
    assert first.model.w.tolist() == [0, 0, 0, 0]  # it trains from the server's model
    other = second.get_data_to_send()
    server._averaging_server({0: deque([message]), 1: deque([other])})
    assert server.residual.tolist() == [
        2,
        2,
        0,
        0,
    ]  # [4, 0, 0, -4], [0, 4, 0, 4], halved
    update = server.server_broadcast()
    assert update["iteration"] == 1
    first.process_received(update)
    assert first.model.w.tolist() == server.model.w.tolist() == [2, 2, 0, 0]
    assert server.residual.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("alpha", [0.1, 1.0])
def test_server_and_clients_hold_the_same_bits(alpha, compress):
    rng = np.random.default_rng(0)
    server, clients = network(3, 50, alpha=alpha, compress=compress)
    for _ in range(20):
        for client in clients:
            train(client, rng.normal(size=50).astype(np.float32))
        serve(server, clients)
        for client in clients:
            assert torch.equal(client.model.w, server.model.w)
    assert server.model.w.abs().max() > 0.1


def test_nothing_is_lost_and_nothing_counts_twice():
    rng = np.random.default_rng(1)
    server, clients = network(3, 20, alpha=0.2)
    total = np.zeros(20)
    for _ in range(30):
        for client in clients:
            change = rng.normal(size=20).astype(np.float32)
            train(client, change)
            total += change / 3
        serve(server, clients)
    waiting = sum(client.residual.numpy() for client in clients) / 3
    held = server.synchronised + server.residual + torch.from_numpy(waiting)
    assert held.numpy() == pytest.approx(total, abs=1e-4)


def test_after_the_last_training_what_waits_fades():
    server, clients = network(2, 20, alpha=0.2)
    rng = np.random.default_rng(2)
    for client in clients:
        train(client, rng.normal(size=20).astype(np.float32))
    waiting = []
    for _ in range(300):
        serve(server, clients)
        waiting.append(max(float(client.residual.norm()) for client in clients))
    assert all(b <= a * (1 + 1e-6) for a, b in pairwise(waiting))
    assert waiting[-1] < 1e-5 * waiting[0]
    before = server.model.w.detach().clone()
    serve(server, clients)
    assert torch.allclose(server.model.w, before, atol=1e-5)


def test_a_broadcast_is_no_change_of_the_client():
    server, clients = network(2, **PLAIN)
    train(clients[0], [2.0, 2, 2, 2])
    serve(server, clients)
    assert server.model.w.tolist() == [1, 1, 1, 1]
    for _ in range(5):
        update = serve(server, clients)
        assert len(update["indices"]) == 0
    assert server.model.w.tolist() == clients[1].model.w.tolist() == [1, 1, 1, 1]


def test_no_broadcast_is_no_move():
    _, (client,) = network(1)
    client.process_received(None)
    assert client.model.w.tolist() == [0, 0, 0, 0]


def test_a_client_takes_over_the_server_s_model():
    _, (client,) = network(1, **PLAIN)
    train(client, [1.0, 2, 3, 4])
    client.synchronise(torch.tensor([5.0, 5, 5, 5]))
    assert client.model.w.tolist() == [5, 5, 5, 5]
    assert len(client.get_data_to_send()["indices"]) == 0


def test_counters_stay_each_node_s_own():
    server, client = make(STC, [Counting(0, 1), Counting(0, 1)])
    client.model.count += 900
    with torch.no_grad():
        client.model.b += 0.25
    message = client.get_data_to_send()
    assert message["mu"] == 0.25
    assert int(client.model.count) == 901
    server._averaging_server({1: deque([deliver(message)])})
    client.process_received(server.server_broadcast())
    assert (int(server.model.count), int(client.model.count)) == (1, 901)
    assert torch.equal(server.model.b, client.model.b)


@given(st.lists(finite, min_size=4, max_size=4), st.sampled_from([0.25, 0.5, 1.0]))
def test_what_is_left_out_is_never_more_than_there_was(change, alpha):
    _, (client,) = network(1, alpha=alpha)
    train(client, change)
    client.get_data_to_send()
    assert client.residual.norm() <= np.linalg.norm(change) * (1 + 1e-6)


def test_a_bit_a_sign_and_elias_codes():
    client = make(STC, [Counting(0, shape=(100, 100))], alpha=0.01)[0]
    with torch.no_grad():
        client.model.w += torch.randn(100, 100, generator=torch.Generator())
    message = client.get_data_to_send()
    assert len(message["params"]) == 13  # 101 signs
    assert bytes_of(message) < 101 * (1 + 13) / 8 + 16 + 130  # gaps of 100: 13 bits


@pytest.mark.parametrize(
    "change",
    [
        {"indices": np.array([0, 7], np.int32)},
        {"indices": np.array([1, 0], np.int32)},
        {"indices": np.arange(9, dtype=np.int32)},
        {"params": np.zeros(2, np.uint8)},
        {"mu": None},
        {"mu": "much"},
    ],
)
def test_a_message_that_does_not_fit_names_its_sender(change):
    server, (client,) = network(1, alpha=0.5, **PLAIN)
    train(client, [1.0, 0, 2, 0])
    message = {**client.get_data_to_send(), **change}
    with pytest.raises(PeerError, match="uid 0 sent a model"):
        server._averaging_server({0: deque([message])})
    with pytest.raises(PeerError, match="the server sent an update of round 0"):
        client.process_received(message)


@pytest.mark.parametrize(
    "options", [{"dict_ordered": False}, {"change_transformer": abs}]
)
def test_options_are_named(options):
    with pytest.raises(ConfigError, match=rf"\[SHARING\] .*{next(iter(options))}"):
        network(1, **options)


def test_among_peers_it_is_refused():
    _, (client,) = network(1)
    with pytest.raises(ConfigError, match="needs a parameter server"):
        client._averaging({})


def test_its_codec_is_named_already():
    STC.prepare(compress=True)
    with pytest.raises(ConfigError, match="did you mean"):
        STC.prepare(compression_class="EliasFpzipLosy")
