"""Breaks when nodes that only wait keep the cores busy, or a busy node forgets its peers."""

import pytest

from decentralizepy.communication import _ticks
from decentralizepy.communication._ticks import Ticks


class Clock:
    now = 0.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setattr(_ticks, "time", clock := Clock())
    return clock


def poll(ticks, came=False, waited=True):
    """Return whether the work was due, and do it."""
    due = ticks.due_after(came, waited)
    if due:
        ticks.begin()
    return due


def test_a_node_that_waits_long_looks_after_its_peers_twice_a_second(clock):
    """In 10 s, polls of 50 ms come 200 times: at first each, then every eleventh."""
    ticks, done = Ticks(), []
    for number in range(200):
        clock.now = 0.05 * (number + 1)
        if poll(ticks):
            done.append(number)
    assert done[:5] == [0, 1, 2, 3, 4]
    assert len(done) <= 5 + 20


def test_a_message_makes_it_look_often_again(clock):
    ticks = Ticks()
    clock.now = 10.0
    assert poll(ticks)
    clock.now = 10.01
    assert not poll(ticks)
    assert not poll(ticks, came=True)  # work of a moment ago
    assert poll(ticks)


def test_a_node_that_always_hears_something_looks_every_50_ms(clock):
    ticks, done = Ticks(), 0
    for number in range(1000):
        clock.now = 0.001 * (number + 1)
        done += poll(ticks, came=True)
    assert 18 <= done <= 20


def test_a_poll_that_does_not_wait_is_not_quiet(clock):
    ticks = Ticks()
    clock.now = 10.0
    assert [poll(ticks, waited=False) for _ in range(3)] == [True] * 3
