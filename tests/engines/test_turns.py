"""Breaks when nodes in one process run out of order, or share what is each one's own."""

import queue
import random
import threading

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

from decentralizepy.engines.globals import Globals
from decentralizepy.engines.turns import Inbox, Turns
from tests.support import LIMIT_S

COUNT = 4


def network(body, count=COUNT):
    """Run ``body(uid, inboxes)`` for each uid, in turn, and return the turns."""
    turns = Turns()
    inboxes = [Inbox(turns) for _ in range(count)]
    for uid in range(count):
        turns.add(lambda uid=uid: body(uid, inboxes))
    return turns


def test_nodes_run_in_order_of_uid_until_each_waits():
    told = []

    def body(uid, inboxes):
        told.append(f"{uid} begins")
        inboxes[(uid + 1) % COUNT].put((uid, []))
        told.append(f"{uid} heard {inboxes[uid].get(LIMIT_S)[0]}")

    assert network(body).run(LIMIT_S)
    # 1 to 3 find a message, and go on at once
    begun = [
        words
        for uid in (1, 2, 3)
        for words in (f"{uid} begins", f"{uid} heard {uid - 1}")
    ]
    assert told == ["0 begins", *begun, "0 heard 3"]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=30))
def test_the_order_of_messages_does_not_depend_on_how_long_a_turn_may_last(links):
    """Who sends to whom is arbitrary; the run is looked at after every turn, or never."""

    def order(seconds):
        heard = []

        def body(uid, inboxes):
            for sender, receiver in links:
                if uid == sender:
                    inboxes[receiver].put((uid, []))
                if uid == receiver:
                    heard.append((uid, inboxes[uid].get(LIMIT_S)[0]))

        turns = network(body)
        while not turns.run(seconds):
            pass
        return heard

    assert order(1e-9) == order(LIMIT_S)


def test_a_wait_reaches_its_limit_only_when_no_other_node_can_run():
    told = []

    def body(uid, inboxes):
        if uid == 0:
            with pytest.raises(queue.Empty):
                inboxes[0].get(1e-9)
            told.append("limit")
        else:
            for _ in range(3):
                inboxes[uid].put((uid, []))
                inboxes[uid].get(LIMIT_S)
                inboxes[3 - uid].put((uid, []))
                inboxes[uid].get(LIMIT_S)
                told.append(uid)

    assert network(body, 3).run(LIMIT_S)
    assert told[-1] == "limit"
    assert sorted(told[:-1]) == [1, 1, 1, 2, 2, 2]


def draw():
    """Draw from each global generator; of a pair of normal numbers, only the first."""
    python, numpy = (random.gauss(), random.random()), (np.random.randn(),)
    return *python, *numpy, np.random.rand(), float(torch.rand(()))


def seed(uid):
    random.seed(uid)
    np.random.seed(uid)
    torch.manual_seed(uid)


def test_generators_are_a_nodes_own():
    drawn = {uid: [] for uid in range(COUNT)}

    def body(uid, inboxes):
        seed(uid)
        for _ in range(5):
            inboxes[(uid + 1) % COUNT].put((uid, []))
            inboxes[uid].get(LIMIT_S)
            drawn[uid].append(draw())

    seed(99)
    expected = draw(), draw()
    seed(99)
    assert draw() == expected[0]
    assert network(body).run(LIMIT_S)
    assert draw() == expected[1]
    for uid in range(COUNT):
        seed(uid)
        assert drawn[uid] == [draw() for _ in range(5)]


def test_a_generator_is_given_back_in_the_state_that_it_was_in():
    """The state of Python's is copied as bytes, which must be all of it."""
    seed(1)
    draw()
    kept, before = Globals(), random.getstate()
    seed(2)
    kept.apply()
    assert random.getstate() == before


def test_modes_of_torch_are_a_nodes_own():
    dtypes = [torch.float32, torch.float64, torch.float32, torch.float64]

    def body(uid, inboxes):
        torch.set_default_dtype(dtypes[uid])
        with torch.set_grad_enabled(uid == 2):
            inboxes[(uid + 1) % COUNT].put((uid, []))
            inboxes[uid].get(LIMIT_S)
            assert torch.is_grad_enabled() == (uid == 2)
        assert torch.ones(()).dtype == dtypes[uid]

    assert network(body).run(LIMIT_S)
    assert torch.get_default_dtype() == torch.float32
    assert torch.is_grad_enabled()


def test_stopping_runs_what_stands_in_finally():
    begun, closed = [], []

    def body(uid, inboxes):
        begun.append(uid)
        try:
            inboxes[uid].get(LIMIT_S)
        finally:
            closed.append(uid)

    turns = network(body)
    while len(begun) < COUNT:
        assert not turns.run(1e-3)
    turns.stop()
    assert closed == [0, 1, 2, 3]


def test_a_thread_of_a_node_waits_without_a_turn():
    heard = []

    def body(uid, inboxes):
        if uid == 1:
            inboxes[0].put((1, []))
            return

        def listen():
            while not heard:
                try:
                    heard.append(inboxes[0].get(0.01)[0])
                except queue.Empty:
                    continue

        thread = threading.Thread(target=listen)
        thread.start()
        with pytest.raises(queue.Empty):
            inboxes[2].get(0.01)  # lets node 1 run
        thread.join(LIMIT_S)

    assert network(body, 3).run(LIMIT_S)
    assert heard == [1]
