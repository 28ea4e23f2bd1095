"""Breaks when nodes that average together get other averages than each of them alone."""

import copy
from collections import deque

import numpy as np
import pytest
import torch

from decentralizepy.errors import PeerError
from decentralizepy.graphs.Regular import Regular
from decentralizepy.mappings.Linear import Linear as Mapping
from decentralizepy.sharing._together import ROWS, Average
from decentralizepy.sharing.JWINS.JWINS import JWINS
from decentralizepy.sharing.PlainAverageSharing import PlainAverageSharing
from decentralizepy.sharing.Sharing import Sharing
from tests.support.together import Lone, Normed, Pulling
from tests.support.toy import Linear

NODES = 8
GRAPH = Regular(NODES, degree=3, seed=1)


def make(uid, cls=Sharing, model=Linear, **options):
    """Return the sharing of a node, whose weights depend on its uid."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(uid)
        built = model()
    return cls(uid, 0, None, Mapping(1, NODES), GRAPH, built, None, ".", **options)


def deques(nodes):
    """Return what each node has received from its neighbors, in any order."""
    sent = [node.get_data_to_send() for node in nodes]
    return [
        {uid: deque([dict(sent[uid])]) for uid in sorted(GRAPH.neighbors(at), key=hash)}
        for at in range(len(nodes))
    ]


def vector(sharing):
    return sharing.flat.vector().clone()


@pytest.mark.parametrize("cls", [Sharing, PlainAverageSharing])
def test_each_node_gets_its_own_average(cls):
    alone, together = ([make(uid, cls) for uid in range(NODES)] for _ in range(2))
    for node in [*alone, *together]:
        node.received_this_round = 3
    for _ in range(3):
        averages = [
            Average(node, received)
            for node, received in zip(together, deques(together), strict=True)
        ]
        assert not any(each.obstacle for each in averages)
        assert len({each.key for each in averages}) == 1
        received = [each.peer_deques for each in averages]
        assert Average.together(averages) == [True] * NODES
        assert not any(queue for each in received for queue in each.values())
        for node, messages in zip(alone, deques(alone), strict=True):
            node._averaging(messages)
        for one, other in zip(alone, together, strict=True):
            assert one.communication_round == other.communication_round
            torch.testing.assert_close(vector(other), vector(one), rtol=1e-6, atol=1e-7)


def test_more_than_one_product_takes_are_averaged_by_several():
    nodes = [make(uid % NODES) for uid in range(ROWS + 3)]
    message = make(0).get_data_to_send()
    averages = [
        Average(node, {at: deque([dict(message)]) for at in GRAPH.neighbors(node.uid)})
        for node in nodes
    ]
    expected = [0.25 * vector(node) + 0.75 * vector(make(0)) for node in nodes]
    assert Average.together(averages) == [True] * len(nodes)
    for node, mean in zip(nodes, expected, strict=True):
        torch.testing.assert_close(vector(node), mean)


def test_an_average_that_is_not_finite_is_left_undone():
    """The neighbors of the node that sends NaN are told by their own averaging."""
    nodes = [make(uid) for uid in range(NODES)]
    received = deques(nodes)
    spoilt = [at for at in range(NODES) if 2 in received[at]]
    for at in spoilt:
        params = np.full(nodes[at].flat.size, np.nan, np.float32)
        received[at][2][0]["params"] = params
    before = [vector(node) for node in nodes]
    averages = [Average(*each) for each in zip(nodes, received, strict=True)]
    done = Average.together(averages)
    assert [at for at in range(NODES) if done[at] is None] == spoilt
    for at in spoilt:
        assert torch.equal(vector(nodes[at]), before[at])
        with pytest.raises(PeerError, match="uid 2 sent a model with NaN"):
            averages[at].alone()


def test_with_keep_what_is_not_finite_is_averaged():
    nodes = [make(uid) for uid in range(NODES)]
    for node in nodes:
        node.nonfinite = "keep"
    with torch.no_grad():
        nodes[0].model.fc.bias[0] = torch.inf
    received = deques(nodes)
    averages = [Average(*each) for each in zip(nodes, received, strict=True)]
    assert Average.together(averages) == [True] * NODES
    assert not vector(nodes[min(GRAPH.neighbors(0))]).isfinite().all()


def test_a_message_that_does_not_fit_names_its_sender():
    node = make(0)
    received, *_ = deques([make(uid) for uid in range(NODES)])
    uid = max(received)
    received[uid][0]["params"] = np.zeros(3, np.float32)
    with pytest.raises(PeerError, match=f"uid {uid} sent a model of round 0 that does"):
        Average(node, received)


CODEC = {
    "compress": True,
    "compression_package": "decentralizepy.compression.Elias",
    "compression_class": "Elias",
}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"cls": Pulling}, "Pulling overrides pull"),
        ({"cls": JWINS}, "JWINS overrides "),
        (CODEC, "[SHARING] compress is set"),
        ({"model": Normed}, "not all of Normed is float32 on the CPU"),
        ({"nonfinite": "drop"}, "[FAULTS] nonfinite = drop"),
    ],
    ids=["a user's class", "JWINS", "codec", "integers", "drop"],
)
def test_what_has_to_be_averaged_alone_says_why_and_has_the_same_bits(options, told):
    options = dict(options)
    nonfinite = options.pop("nonfinite", "abort")
    nodes, same = ([make(uid, **options) for uid in range(NODES)] for _ in range(2))
    for node in [*nodes, *same]:
        node.nonfinite = nonfinite
    lone = Lone()
    nodes[0].batch_with(lone)
    received = deques(nodes)[0]
    same[0]._averaging(copy.deepcopy(received))
    nodes[0]._averaging(received)
    name, reason = lone.told[-1]
    assert name == "averages"
    assert reason.startswith(told)
    assert torch.equal(vector(nodes[0]), vector(same[0]))
