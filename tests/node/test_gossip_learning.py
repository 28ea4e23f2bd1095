"""Breaks when gossip learning weights by something other than age, or waits for a peer."""

from types import SimpleNamespace

import pytest
from hypothesis import given, settings, strategies as st

from decentralizepy.config.run_section import RunSection
from decentralizepy.errors import PeerError
from decentralizepy.graphs.FullyConnected import FullyConnected
from decentralizepy.graphs.Ring import Ring
from decentralizepy.node.GossipLearning import GossipLearning
from decentralizepy.sharing.Sharing import Sharing
from tests.support.apart import STILL, Apart, models
from tests.support.rings import Vector, deliver, make

BRIEF = {"NODE": {"timeout": 0.02}}


def place(rows, ages):
    """Return nodes on a ring, with these models and ages."""
    nodes = []
    parts = make(Sharing, [Vector(row) for row in rows])
    for sharing, age in zip(parts, ages, strict=True):
        node = GossipLearning.__new__(GossipLearning)
        node.uid, node.graph, node.sharing = sharing.uid, sharing.graph, sharing
        node.model, node.dataset = sharing.model, SimpleNamespace(random_seed=3)
        node.iterations = 100
        node.init_node({})
        node.age = age
        nodes.append(node)
    return nodes


def message_of(node, **changes):
    """Return the node's message as it arrives."""
    return deliver({**node.make_message(1), "age": node.age, **changes})


def test_an_older_model_counts_more_by_hand():
    """(1 x 8 + 3 x 0) / 4 = 2, of age 3; then (3 x 2 + 1 x 6) / 4 = 3, still of age 3."""
    young, old, other = place([[8.0], [0.0], [6.0]], [1, 3, 1])
    young.take(1, message_of(old))
    assert (young.model.w.item(), young.age) == (2, 3)
    young.take(2, message_of(other))
    assert (young.model.w.item(), young.age) == (3, 3)


@given(
    numbers=st.tuples(st.floats(-9, 9, width=32), st.floats(-9, 9, width=32)),
    ages=st.tuples(st.integers(1, 100), st.integers(1, 100)),
)
@settings(max_examples=30)
def test_a_merged_model_is_between_both_and_as_old_as_the_older(numbers, ages):
    one, other = place([[number] for number in numbers], ages)
    one.take(1, message_of(other))
    assert min(numbers) - 1e-4 <= one.model.w.item() <= max(numbers) + 1e-4
    assert one.age == max(ages)


def test_equal_models_stay_equal_to_the_bit():
    one, other = place([[0.1], [0.1]], [2, 5])
    before = one.model.w.item()
    one.take(1, message_of(other))
    assert one.model.w.item() == before


@pytest.mark.parametrize("age", [0, 301, "3", None])
def test_an_impossible_age_is_the_senders_fault(age):
    one, other = place([[1.0], [2.0]], [2, 5])
    with pytest.raises(PeerError, match="uid 1"):
        one.take(1, message_of(other, age=age))


class ApartGossip(Apart, GossipLearning):
    """A node all of whose numbers start as its uid."""


def test_each_round_pushes_one_model_and_all_stay_within_the_first_ones(run_nodes):
    nodes = run_nodes(FullyConnected(4), ApartGossip, 4, **STILL, **BRIEF)
    for node in nodes.values():
        assert node.communication.total_data == 4 * 10 * 4
        assert node.age >= 4
    found = models(nodes)
    assert found.min() >= 0
    assert found.max() <= 3


def test_a_run_resumes_with_its_age(run_nodes):
    run_nodes(Ring(3), GossipLearning, 3, RUN={"checkpoint_every": 1}, **BRIEF)
    again = {"RUN": RunSection({}, first_round=2, checkpoint_every=1)}
    nodes = run_nodes(Ring(3), GossipLearning, 5, **again, **BRIEF)
    assert [node.iteration for node in nodes.values()] == [4] * 3
    assert all(node.age >= 5 for node in nodes.values())
