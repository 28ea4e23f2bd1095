"""Breaks when nodes draw different entries, or the mean over nodes moves."""

from collections import deque

import numpy as np
import pytest

from decentralizepy.errors import ConfigError, PeerError
from decentralizepy.randomness import Purpose, stream
from decentralizepy.sharing.RandomK import RandomK
from tests.support.rings import Vector, bytes_of, deliver, make, run, vectors


def pair(**options):
    models = [Vector([1, 2, 3, 4]), Vector([5, 4, 3, 2])]
    return make(RandomK, models, **{"alpha": 0.5, **options})


def test_a_round_by_hand():
    """The two entries that both draw become the mean, at both nodes."""
    nodes = pair()
    drawn = stream(Purpose.ENTRIES, 97, round=0).permutation(4)[:2]
    before = vectors(nodes)
    expected = before.copy()
    expected[:, drawn] = before.mean(axis=0)[drawn]
    run(nodes)
    assert vectors(nodes).tolist() == expected.tolist()


def test_only_values_travel():
    """Two floats and a number of the round beside what every message has."""
    node, _ = pair()
    message = node.get_data_to_send()
    assert message.keys() == {"params", "round", "degree", "iteration"}
    assert message["params"].shape == (2,)
    assert bytes_of(message) < 80


@pytest.mark.parametrize(("alpha", "k"), [(0.1, 0), (0.375, 2), (0.625, 2), (1.0, 4)])
def test_exactly_k_entries_are_sent(alpha, k):
    """Rounded half to even."""
    node, _ = pair(alpha=alpha)
    assert node.get_data_to_send()["params"].shape == (k,)


def test_all_nodes_draw_the_same_and_each_round_anew():
    nodes = make(RandomK, [Vector(np.zeros(50)) for _ in range(3)], alpha=0.2)
    rounds = [[tuple(node.draw(t).tolist()) for node in nodes] for t in range(4)]
    assert all(len(set(drawn)) == 1 for drawn in rounds)
    assert len({drawn[0] for drawn in rounds}) == 4
    for seed in (0, 1, -1, 2**70):
        other = make(RandomK, [Vector(np.zeros(50))] * 2, alpha=0.2, seed=seed)[0]
        assert tuple(other.draw(0).tolist()) != rounds[0][0]


def test_a_message_of_another_round_goes_to_its_own_entries():
    """Nodes that took part in fewer rounds are behind."""
    sender, receiver = pair(alpha=0.25)
    sender.communication_round = 7
    message = {**sender.get_data_to_send(), "iteration": 0}
    (place,) = sender.draw(7).tolist()
    receiver._averaging({0: deque([deliver(message)])})
    moved = np.flatnonzero(vectors([receiver])[0] != [5, 4, 3, 2])
    assert moved.tolist() == ([place] if place != 2 else [])  # the third are equal


@pytest.mark.parametrize(
    "wrong",
    [{"round": -1}, {"round": 0.5}, {"params": np.zeros(3, np.float32)}],
    ids=str,
)
def test_a_message_that_makes_no_sense_is_named(wrong):
    sender, receiver = pair()
    message = {**sender.get_data_to_send(), **wrong}
    with pytest.raises(PeerError, match="uid 0 sent a model of round 0"):
        receiver._averaging({0: deque([message])})


def test_a_message_without_its_round_is_named():
    sender, receiver = pair()
    message = sender.get_data_to_send()
    del message["round"]
    with pytest.raises(PeerError, match="round"):
        receiver._averaging({0: deque([message])})


def test_another_order_is_refused():
    with pytest.raises(ConfigError, match=r"\[SHARING\] dict_ordered = "):
        pair(dict_ordered=False)
