"""Breaks when an average is not the one of the formula."""

import sys
from collections import deque

import numpy as np
import pytest
import torch

from decentralizepy.errors import ConfigError, PeerError
from decentralizepy.graphs.Graph import Graph
from decentralizepy.mappings.Linear import Linear
from decentralizepy.sharing import finite
from decentralizepy.sharing.PlainAverageSharing import PlainAverageSharing
from decentralizepy.sharing.Sharing import Sharing

STAR = ((0, 1), (0, 2), (1, 2), (2, 3))


class Three(torch.nn.Module):
    """A model of three numbers."""

    def __init__(self, values):
        super().__init__()
        self.w = torch.nn.Parameter(torch.tensor(values))


def make_graph(edges=STAR, n_procs=4):
    graph = Graph(n_procs)
    for u, v in edges:
        graph.adj_list[u].add(v)
        graph.adj_list[v].add(u)
    return graph


def make(values, uid=0, sharing=Sharing, **options):
    mapping = Linear(1, 4)
    model = Three([float(value) for value in values])
    place = (uid, 0, None, mapping, make_graph(), model, None, ".")
    return sharing(*place, **options)


def deliver(*sharings):
    return {
        sharing.uid: deque([{**sharing.get_data_to_send(), "CHANNEL": "DPSGD"}])
        for sharing in sharings
    }


def test_the_message_is_the_model_its_degree_and_round():
    sharing = make([1, 2, 3], uid=2)
    message = sharing.get_data_to_send()
    assert message["params"].dtype == np.float32
    assert message["params"].tolist() == [1, 2, 3]
    assert (message["degree"], message["iteration"]) == (3, 0)
    assert sharing.get_data_to_send(degree=7)["degree"] == 7


def test_a_message_does_not_change_when_training_goes_on():
    sharing = make([1, 2, 3])
    message = sharing.get_data_to_send()
    with torch.no_grad():
        sharing.model.w += 1
    assert message["params"].tolist() == [1, 2, 3]
    message["params"] += 1  # nor does the model, with the message
    assert sharing.model.w.tolist() == [2, 3, 4]


def test_metropolis_hastings_by_hand():
    # node 0 has two neighbours: degree 2 and 3, so weights 1/3, 1/4, and 5/12 for itself
    own, first, second = make([12, 0, 24]), make([0, 12, 24], 1), make([24, 24, 24], 2)
    own._averaging(deliver(first, second))
    expected = [12 * 5 / 12 + 24 / 4, 12 / 3 + 24 / 4, 24]
    assert own.model.w.tolist() == pytest.approx(expected)
    assert own.communication_round == 1


def test_plain_average_by_hand():
    own, first, second = (
        make(values, uid, PlainAverageSharing)
        for uid, values in enumerate(([3, 0, 1], [0, 3, 1], [0, 0, 1]))
    )
    messages = deliver(first, second)
    assert "degree" not in messages[1][0]
    own._averaging(messages)
    assert own.model.w.tolist() == pytest.approx([1, 1, 1])


def test_the_mean_over_nodes_is_kept():
    rng = np.random.default_rng(5)
    start = rng.normal(size=(4, 3))
    nodes = [make(values, uid) for uid, values in enumerate(start)]
    graph = make_graph()
    for _ in range(60):
        sent = deliver(*nodes)
        for node in nodes:
            neighbors = graph.neighbors(node.uid)
            node._averaging({uid: deque(sent[uid]) for uid in neighbors})
    final = np.array([node.model.w.tolist() for node in nodes])
    assert final.mean(axis=0) == pytest.approx(start.mean(axis=0), abs=1e-6)
    assert np.ptp(final, axis=0).max() < 1e-5


@pytest.mark.parametrize("sharing", [Sharing, PlainAverageSharing])
def test_equal_models_stay_equal_to_the_bit(sharing):
    nodes = [make([0.1, 1e-20, 3e7], uid, sharing) for uid in range(3)]
    nodes[0]._averaging(deliver(*nodes[1:]))
    assert torch.equal(nodes[0].model.w, nodes[1].model.w)


@pytest.mark.parametrize("sharing", [Sharing, PlainAverageSharing])
def test_a_node_without_messages_keeps_its_model(sharing):
    node = make([1, 2, 3], sharing=sharing)
    node._averaging({})
    assert node.model.w.tolist() == [1, 2, 3]
    assert node.communication_round == 1


@pytest.mark.parametrize("sharing", [Sharing, PlainAverageSharing])
def test_a_server_takes_the_mean_of_its_workers_alone(sharing):
    server = make([100, 100, 100], sharing=sharing)
    workers = [make([1, 2, 3], 1, sharing), make([3, 2, 1], 2, sharing)]
    server._averaging_server(deliver(*workers))
    assert server.model.w.tolist() == pytest.approx([2, 2, 2])


def test_a_server_weighs_its_workers_by_their_samples():
    """10 and 30 samples: (10 x 1 + 30 x 5) / 40 = 4."""
    server, one, other = (make([value], uid) for uid, value in enumerate([100, 1, 5]))
    sent = deliver(one, other)
    for uid, samples in ((1, 10), (2, 30)):
        sent[uid][0]["samples"] = samples
    server._averaging_server(sent)
    assert server.model.w.tolist() == [4]


@pytest.mark.parametrize("samples", [None, 0, -3, 2.5, "4", True])
def test_a_worker_that_tells_no_number_of_samples_is_named(samples):
    server, one, other = (make([0], uid) for uid in range(3))
    sent = deliver(one, other)
    sent[1][0]["samples"] = 10
    sent[2][0]["samples"] = samples
    with pytest.raises(PeerError, match=r"uid 2 sent a model of round 0 .* samples: "):
        server._averaging_server(sent)


def test_the_order_of_arrival_does_not_count():
    first, second = make([0.1, 0.7, 3], 1), make([1e8, -0.3, 2], 2)
    ends = []
    for peers in ((first, second), (second, first)):
        node = make([0.3, 0.3, 0.3])
        node._averaging(deliver(*peers))
        ends.append(node.model.w.detach())
    assert torch.equal(*ends)


def test_a_model_of_another_size_is_named():
    node = make([1, 2, 3])
    message = {"params": np.zeros(4, np.float32), "degree": 2, "iteration": 6}
    with pytest.raises(
        PeerError, match=r"uid 2 sent a model of round 6 .* \(4,\), not"
    ):
        node._averaging({2: deque([message])})


def test_compress_needs_a_compressor():
    with pytest.raises(ConfigError, match="compression_package"):
        make([1, 2, 3], compress=True)


def test_foreign_overrides_of_the_state_are_averaged():
    class Doubled(Sharing):
        def deserialized_model(self, m):
            return {"w": 2 * torch.from_numpy(m["params"].copy())}

    node = make([0, 0, 0], sharing=Doubled)
    node._averaging(deliver(make([3, 6, 9], 1)))
    assert node.model.w.tolist() == pytest.approx([2, 4, 6])  # 2 x, weight 1/3


def test_a_foreign_override_that_replaces_one_tensor_is_averaged():
    class Doubled(Sharing):
        def deserialized_model(self, m):
            state = super().deserialized_model(m)
            state["w"] = 2 * state["w"]
            return state

    node = make([0, 0, 0], sharing=Doubled)
    node._averaging(deliver(make([3, 6, 9], 1)))
    assert node.model.w.tolist() == pytest.approx([2, 4, 6])


class ByName(Sharing):
    """Averages tensor by tensor, as classes do that override ``deserialized_model``."""

    def deserialized_model(self, m):
        return dict(super().deserialized_model(m))


@pytest.mark.parametrize("dtype", ["f2", "f8", "i4"])
def test_numbers_of_other_types_are_averaged_by_the_rules_of_torch(dtype):
    """NumPy's rules differ: an int32 minus a float32 would be a float64."""
    values, averages = np.array([2049, -3, 1000]).astype(dtype), []
    for sharing in (Sharing, ByName):
        node = make([0.1, 0.2, 0.3], sharing=sharing)
        node._averaging({1: deque([{"params": values, "degree": 1, "iteration": 0}])})
        averages.append(node.flat.vector().clone())
    assert torch.equal(*averages)


def test_averaging_does_not_copy_a_read_only_array(monkeypatch):
    """Copied, the messages of a node-round would take longer than the average."""

    def fail(array):
        raise AssertionError("copied")

    monkeypatch.setattr(sys.modules[Sharing.__module__], "to_tensor", fail)
    monkeypatch.setattr("decentralizepy.models.flat.to_tensor", fail)
    node, message = make([0, 0, 0]), make([3, 6, 9], 1).get_data_to_send()
    message["params"].flags.writeable = False
    node._averaging({1: deque([message])})
    assert node.model.w.tolist() == pytest.approx([1, 2, 3])  # weight 1/3


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_one_pass_over_the_vector_gives_the_bits_of_tensor_by_tensor(scale):
    """With tensors of lengths that no vector unit divides."""
    averages = []
    for sharing in (Sharing, ByName):
        nodes = [of_odd_lengths(sharing, uid, scale) for uid in range(3)]
        nodes[0]._averaging(deliver(*nodes[1:]))
        averages.append(nodes[0].flat.vector().clone())
    assert torch.equal(*averages)


def of_odd_lengths(sharing, uid, scale):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(uid)
        layers = [torch.nn.Linear(size, size + 2) for size in (1, 3, 7, 13, 61)]
    model = torch.nn.Sequential(*layers)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(scale)
    mapping = Linear(1, 4)
    return sharing(uid, 0, None, mapping, make_graph(), model, None, ".")


def test_a_round_checks_the_average_and_no_more(monkeypatch):
    """NaN or infinity of its own model or of a peer's would be in the average, too."""
    looked, check = [], finite._is_finite_tensor
    monkeypatch.setattr(
        finite, "_is_finite_tensor", lambda x: looked.append(1) or check(x)
    )
    nodes = [of_odd_lengths(Sharing, uid, 1.0) for uid in range(4)]
    nodes[0]._averaging(deliver(*nodes[1:]))
    assert len(looked) == 1
