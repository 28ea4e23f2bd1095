"""Breaks when masks do not cancel, or a node could learn the model of one of its neighbors."""

from collections import deque

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from decentralizepy.errors import NodeFailed, PeerError
from decentralizepy.graphs.FullyConnected import FullyConnected
from decentralizepy.graphs.Graph import Graph
from decentralizepy.sharing._masks import PairMasks
from decentralizepy.sharing.SecureAggregation import SecureAggregation
from decentralizepy.sharing.Sharing import Sharing
from tests.support.rings import Vector, exchange, make, vectors

EDGES = [(0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (3, 4), (2, 3)]
SIZE = 2000


def irregular():
    graph = Graph(5)
    graph.add_edges(EDGES)
    return graph


def drawn(nodes=5, seed=0):
    rng = np.random.default_rng(seed)
    return [Vector(rng.normal(size=SIZE)) for _ in range(nodes)]


def agreed(graph=None, **options):
    """Return nodes after the two rounds in which keys travel."""
    nodes = make(SecureAggregation, drawn(), graph or irregular(), **options)
    start = vectors(nodes)
    for _ in range(2):
        assert not any(
            "params" in each
            for box in exchange(nodes).values()
            for each in box.values()
        )
    assert (vectors(nodes) == start).all()
    return nodes


@given(
    count=st.integers(2, 6), place=st.tuples(st.integers(0, 9), st.integers(0, 2**40))
)
@settings(max_examples=15, deadline=None)
def test_masks_cancel_in_the_sum_of_all_and_in_no_other(count, place):
    sides = [PairMasks(uid) for uid in range(count)]
    members = {side.uid: side.public for side in sides}
    masks = [side.total(members, place, 50) for side in sides]
    assert not np.add.reduce(masks, dtype=np.uint32).any()
    assert len(np.unique(np.add.reduce(masks[1:], dtype=np.uint32))) > 40
    other = sides[0].total(members, (place[0] + 1, place[1]), 50)
    assert (other != masks[0]).mean() > 0.9


def test_a_key_is_the_same_after_a_checkpoint():
    one, other = PairMasks(0), PairMasks(1)
    again = PairMasks(0, one.private)
    members = {0: one.public, 1: other.public}
    assert (again.total(members, (2, 3), 9) == one.total(members, (2, 3), 9)).all()


def test_the_sum_by_hand():
    """1 / 3 of each of three models, in multiples of 1 / 4: 1/3 -> 1/4, 2/3 -> 3/4."""
    graph = FullyConnected(3)
    rows = [Vector([9.0]), Vector([1.0]), Vector([2.0])]
    nodes = make(SecureAggregation, rows, graph, fraction_bits=2)
    for _ in range(3):
        exchange(nodes)
    assert vectors(nodes)[0, 0] == pytest.approx(9 / 3 + 1 / 4 + 3 / 4)


@pytest.mark.parametrize("graph", [irregular, lambda: FullyConnected(5)])
def test_a_round_is_plain_averaging_up_to_rounding(graph):
    nodes, plain = agreed(graph()), make(Sharing, drawn(), graph())
    for _ in range(4):
        exchange(nodes)
        exchange(plain)
        assert vectors(nodes) == pytest.approx(vectors(plain), abs=1e-5)


def test_results_do_not_depend_on_the_keys():
    first, second = agreed(), agreed()
    exchange(first)
    exchange(second)
    assert vectors(first).tolist() == vectors(second).tolist()


def test_what_arrives_tells_nothing_of_a_model():
    """Nor do the masks that the receiver can derive, whose keys it knows all of."""
    nodes = agreed()
    start = vectors(nodes)
    received = exchange(nodes)[0]
    members = {uid: node.masks.public for uid, node in enumerate(nodes)}
    mine = nodes[0].masks.total(members, (0, 2), SIZE)
    for sender, message in received.items():
        for guess in (message["params"], message["params"] - mine):
            value = guess.view(np.int32)
            assert np.abs(np.corrcoef(value, start[sender])[0, 1]) < 0.25
            assert value.std() > 2**29


def test_a_dropped_message_unmasks_no_other():
    """Node 0 keeps its own model; all others average, among them the sender."""
    nodes, plain = agreed(), make(Sharing, drawn(), irregular())
    start = vectors(nodes)
    received = exchange(nodes, lost=[(3, 0)])
    exchange(plain)
    assert (vectors(nodes)[0] == start[0]).all()
    assert vectors(nodes)[1:] == pytest.approx(vectors(plain)[1:], abs=1e-5)
    assert 3 not in received[0]
    left = sum(message["params"] for message in received[0].values()).view(np.int32)
    assert left.std() > 2**29
    # named by 0 is who was heard in that round: 3 sends it no model in the round after next
    exchange(nodes)
    received = exchange(nodes)
    assert "params" not in received[0][3]
    assert all("params" in received[0][uid] for uid in (1, 2, 4))
    before = vectors(nodes)[0]
    exchange(nodes)
    assert (vectors(nodes)[0] != before).any()


def test_without_the_sender_the_others_are_averaged_from_then_on():
    """Three of the four at node 0 are left, each weighing 1 / 5; the rest stays."""
    nodes = agreed()
    for _ in range(2):
        exchange(nodes, lost=[(3, 0)])
    before = vectors(nodes)
    exchange(nodes, lost=[(3, 0)])
    degrees = {1: 2, 2: 3, 4: 2}
    weights = {uid: 1 / (1 + max(3, degrees[uid])) for uid in degrees}
    mean = (1 - sum(weights.values())) * before[0]
    mean += sum(weights[uid] * before[uid] for uid in weights)
    assert vectors(nodes)[0] == pytest.approx(mean, abs=1e-5)


def test_a_single_sender_never_sends_its_model():
    """Nodes 0 and 1, of which each would learn the other's."""
    graph = Graph(2)
    graph.add_edges([(0, 1)])
    nodes = make(SecureAggregation, drawn(2), graph)
    start = vectors(nodes)
    for _ in range(5):
        assert "params" not in exchange(nodes)[0][1]
    assert (vectors(nodes) == start).all()


def test_a_sender_that_lost_the_last_message_sends_no_model():
    """It does not know who will be in the sum."""
    nodes = agreed()
    exchange(nodes, lost=[(0, 3)])
    received = exchange(nodes)
    assert "params" not in received[0][3]
    assert "params" in received[2][3]


def test_a_message_that_stands_for_a_lost_peers_is_not_one():
    nodes = agreed(FullyConnected(5))
    own = nodes[0].get_data_to_send(4)
    before = vectors(nodes)[0]
    nodes[0]._averaging({uid: deque([own]) for uid in (1, 2, 3, 4)})
    assert nodes[0].heard == {}
    assert (vectors(nodes)[0] == before).all()


def test_numbers_too_large_for_fixed_point_end_the_run():
    rows = [Vector([600.0])] * 3
    nodes = make(SecureAggregation, rows, FullyConnected(3), fraction_bits=22)
    for _ in range(2):
        exchange(nodes)
    with pytest.raises(NodeFailed, match=r"magnitude 600, too large .* = 22"):
        exchange(nodes)


def test_a_model_that_training_has_spoilt_is_not_the_sums_fault():
    nodes = agreed(FullyConnected(5))
    nodes[1].model.w.data[3] = float("nan")
    with pytest.raises(NodeFailed, match=r"uid 1: its own model .* in round 3"):
        exchange(nodes)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"key": b"short"}, "key: b'short', not a public key of 32 bytes"),
        ({"key": bytes(32)}, "key: b'.*', not a valid public key"),
        ({"members": [1]}, "members: .1., not public keys by uid"),
        ({"members": {1: 2}}, "members: 2, not a public key of 32 bytes"),
        ({"params": np.zeros(3, np.uint32)}, r"params: uint32 of shape \(3,\), not"),
        ({"degree": 9}, "degree: 9, not a whole number from 1 to 4"),
    ],
    ids=str,
)
def test_a_message_that_is_none_is_the_senders_fault(change, told):
    nodes = agreed(FullyConnected(5))
    messages = {}
    for node in nodes[1:]:
        message = node.get_data_to_send(4)
        messages[node.uid] = deque([{**message, **node._masked(0, 4)}])
    messages[2][0].update(change)
    nodes[0].get_data_to_send(4)
    with pytest.raises(PeerError, match=f"uid 2 sent .* {told}"):
        nodes[0]._averaging(messages)
