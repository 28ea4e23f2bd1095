"""Breaks when transfers that share links take another time than fair shares give them."""

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from decentralizepy.network.flows import FairFlows, FifoLinks, fair_rates
from tests.support.transfers import ends

A, B, C, D = range(4)


def links(up=1.0, down=1.0, kind=FairFlows, count=4):
    return kind(np.full(count, up), np.full(count, down))


@pytest.mark.parametrize("kind", [FairFlows, FifoLinks])
def test_a_transfer_alone_takes_its_bytes_over_the_slowest_link(kind):
    assert ends(links(2, 5, kind), (1, A, B, 10)) == [6]
    assert ends(links(5, 2, kind), (1, A, B, 10)) == [6]
    assert ends(links(5, 5, kind), (1, A, B, 10, 2)) == [6]
    assert ends(links(math.inf, math.inf, kind), (1, A, B, 10)) == [1]


def test_two_transfers_of_one_sender_share_its_uplink():
    assert ends(links(), (0, A, B, 1), (0, A, C, 1)) == [2, 2]
    # the longer one has the link for itself after 2 s
    assert ends(links(), (0, A, B, 1), (0, A, C, 3)) == [2, 4]
    # the first has 1 byte left when the second begins
    assert ends(links(), (0, A, B, 2), (1, A, C, 1)) == [3, 3]


def test_a_hundred_transfers_to_one_receiver_share_its_downlink():
    busy = links(1, 10, count=101)
    assert ends(busy, *[(0, n, 100, 1) for n in range(100)]) == pytest.approx(
        [10] * 100
    )


def test_what_one_transfer_cannot_use_is_left_to_the_others():
    # A -> D is limited to 0.2 by D; A -> C and B -> C share C, not A
    rates = fair_rates(
        np.array([A, A, B]),
        np.array([D, C, C]),
        np.array([1, 10, 1, 1.0]),
        np.array([1, 1, 1, 0.2]),
        np.full(3, np.inf),
    )
    assert rates == pytest.approx([0.2, 0.5, 0.5])


def test_messages_to_the_same_node_follow_each_other():
    assert ends(links(), (0, A, B, 1), (0, A, B, 1), (0, A, B, 1)) == [1, 2, 3]


def test_fifo_sends_and_receives_one_after_another():
    assert ends(links(kind=FifoLinks), (0, A, B, 1), (0, A, C, 1)) == [1, 2]
    assert ends(links(kind=FifoLinks), (0, A, C, 1), (0, B, C, 1)) == [1, 2]
    # what waits for a receiver does not hold up the sender
    queued = ends(links(kind=FifoLinks), (0, A, C, 2), (0, B, C, 1), (0, B, D, 1))
    assert queued == [2, 3, 2]


networks = st.integers(1, 6).flatmap(
    lambda n: st.tuples(
        st.lists(st.floats(0.1, 10), min_size=n, max_size=n),
        st.lists(st.floats(0.1, 10), min_size=n, max_size=n),
        st.lists(
            st.tuples(
                st.integers(0, n - 1),
                st.integers(0, n - 1),
                st.floats(0.1, 10) | st.just(math.inf),
            ),
            min_size=1,
            max_size=20,
        ),
    )
)


@given(networks)
def test_rates_are_max_min_fair(network):
    """No link over capacity; no flow can grow without shrinking a smaller one."""
    up, down, flows = network
    source, target = np.array([flow[:2] for flow in flows]).T
    cap = np.array([flow[2] for flow in flows])
    rates = fair_rates(source, target, np.array(up), np.array(down), cap)
    assert (rates > 0).all()
    assert (rates <= cap * (1 + 1e-9)).all()
    bounded = rates >= cap * (1 - 1e-9)
    for place, capacity in ((source, up), (target, down)):
        used = np.bincount(place, rates, len(capacity))
        assert (used <= np.array(capacity) * (1 + 1e-9)).all()
        full = used >= np.array(capacity) * (1 - 1e-9)
        largest = np.zeros(len(capacity))
        np.maximum.at(largest, place, rates)
        bounded |= full[place] & (rates >= largest[place] * (1 - 1e-9))
    assert bounded.all()


times = st.lists(
    st.tuples(st.floats(0, 3), st.integers(0, 3), st.integers(4, 7), st.floats(0.5, 2)),
    min_size=1,
    max_size=12,
    unique_by=lambda each: each[1:3],
)


@given(times)
def test_joining_ends_that_are_close_changes_times_by_little(transfers):
    up = np.linspace(1, 2, 8)
    exact = ends(FairFlows(up, up, tolerance=0), *transfers)
    joined = ends(FairFlows(up, up), *transfers)
    took = np.array(exact) - [begun for begun, *_ in transfers]
    assert np.abs(np.array(joined) - exact).max() <= 0.01 * took.max()
