"""Breaks when a model is copied, or read, more often on its way than it must be."""

import numpy as np
import pytest
import torch

from decentralizepy.communication._link import Link
from decentralizepy.communication._seal import Checksum
from decentralizepy.communication.IPC import IPC
from decentralizepy.graphs.FullyConnected import FullyConnected
from decentralizepy.mappings.Linear import Linear
from decentralizepy.sharing.Sharing import Sharing


def make_sharing(uid):
    model = torch.nn.Linear(100, 100)
    place = (uid, 0, None, Linear(1, 2), FullyConnected(2), model, None, ".")
    return Sharing(*place)


@pytest.fixture
def ends(tmp_path):
    made = [IPC(rank, 0, Linear(1, 2), 2, socket_dir=str(tmp_path)) for rank in (0, 1)]
    yield made
    for end in made:
        end.terminate(0)


def test_a_model_is_copied_once_from_trainer_to_average(ends, monkeypatch):
    """Into its message, since training goes on; ZeroMQ and the kernel come besides."""
    sender, receiver = make_sharing(0), make_sharing(1)
    trained = sender.flat.vector().detach().numpy()
    message = {**sender.get_data_to_send(degree=1), "CHANNEL": "DPSGD"}
    encoded = ends[0].encrypt(message)
    parts = Link(0, 1, 7, Checksum()).outgoing(encoded)
    ends[0].init_connection(1)
    ends[0].send(1, encoded, encrypt=False)
    arrived = []
    decrypt = ends[1].decrypt
    monkeypatch.setattr(
        ends[1], "decrypt", lambda uid, data: arrived.append(data) or decrypt(uid, data)
    )
    _, received = ends[1].receive()
    averaged = receiver.deserialized_model(received)["weight"].numpy()
    hands = [
        (trained, message["params"]),
        (message["params"], encoded.frames[1]),
        (encoded.frames[1], parts[1]),
        (np.frombuffer(arrived[0][1], np.float32), received["params"]),
        (received["params"], averaged),
    ]
    copied = [not np.shares_memory(given, taken) for given, taken in hands]
    assert copied == [True, False, False, False, False]
    assert received["params"].tolist() == trained.tolist()
