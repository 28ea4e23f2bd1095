"""Breaks when section CHURN has other nodes up, or other messages lost, than it says."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from decentralizepy.errors import ConfigError
from decentralizepy.network.churn import Churn, chain


def churn(nodes=4, rounds=10, seed=90, **section):
    return Churn(section, nodes, rounds, seed)


def rows(found):
    """Return who is up, of shape (nodes, rounds)."""
    return np.array([found.up(uid) for uid in range(4)])


def stepwise(draws, mean_true, mean_false):
    """Return the chain as its definition says."""
    state = draws[0] < mean_true / (mean_true + mean_false)
    states = [state]
    for draw in draws[1:]:
        state = draw < (1 - 1 / mean_true if state else 1 / mean_false)
        states.append(state)
    return states


MEANS = st.floats(1, 20)


@given(MEANS, MEANS, st.integers(0, 1000), st.integers(1, 40))
@settings(max_examples=60)
def test_the_chain_is_that_of_its_definition(mean_true, mean_false, seed, rounds):
    draws = np.random.default_rng(seed).random(rounds)
    found = chain(draws, mean_true, mean_false)
    assert found.tolist() == stepwise(draws, mean_true, mean_false)
    assert chain(draws[:7], mean_true, mean_false).tolist() == found[:7].tolist()


def lengths(states):
    """Return the mean lengths of stays in True and False."""
    ends = np.flatnonzero(np.diff(states)) + 1
    stays = np.split(states, ends)[1:-1]
    return [
        np.mean([len(s) for s in stays if s[0] == state]) for state in (True, False)
    ]


@pytest.mark.parametrize("means", [(8, 2), (1.2, 5), (1.5, 1.25)])
def test_stays_are_as_long_as_told(means):
    """Of 40,000 rounds, whose rate is mean_up / (mean_up + mean_down)."""
    found = churn(rounds=40_000, mean_up=means[0], mean_down=means[1]).up(2)
    assert lengths(found) == pytest.approx(means, rel=0.05)
    assert found.mean() == pytest.approx(means[0] / sum(means), abs=0.02)


def test_a_rate_is_that_of_the_rounds_in_which_a_node_is_up():
    found = churn(rounds=40_000, rate=0.3).up(1)
    assert found.mean() == pytest.approx(0.3, abs=0.01)  # four standard errors
    assert lengths(found) == pytest.approx((1 / 0.7, 1 / 0.3), rel=0.05)


def test_losses_are_as_frequent_and_as_long_as_told():
    found = churn(rounds=40_000, loss=0.2).lost(0, 1)
    assert found.mean() == pytest.approx(0.2, abs=0.01)
    bursts = {"mean_good": 30, "mean_bad": 6}
    gilbert = churn(rounds=40_000, **bursts).lost(0, 1)
    assert gilbert.mean() == pytest.approx(1 / 6, abs=0.02)
    assert lengths(gilbert) == pytest.approx((6, 30), rel=0.1)
    elliott = churn(rounds=40_000, loss=0.05, bad_loss=0.5, **bursts).lost(0, 1)
    assert elliott.mean() == pytest.approx((30 * 0.05 + 6 * 0.5) / 36, abs=0.02)


def test_draws_depend_on_seed_node_and_link_alone():
    first = churn(rate=0.5, loss=0.5, rounds=64)
    again = churn(rate=0.5, loss=0.5, rounds=32)
    assert first.up(1)[:32].tolist() == again.up(1).tolist()
    assert first.lost(1, 2)[:32].tolist() == again.lost(1, 2).tolist()
    others = [first.up(2), churn(rate=0.5, rounds=64, seed=91).up(1)]
    assert not any(np.array_equal(other, first.up(1)) for other in others)
    assert not np.array_equal(first.lost(1, 2), first.lost(2, 1))


def test_nodes_join_and_leave():
    both = {"join": "[1, 2]", "join_round": 3, "leave": 2, "leave_round": 5}
    found = churn(rounds=6, **both)
    assert rows(found).astype(int).tolist() == [
        [1, 1, 1, 1, 1, 1],
        [0, 0, 0, 1, 1, 1],
        [0, 0, 0, 1, 1, 0],
        [1, 1, 1, 1, 1, 1],
    ]
    assert [found.is_up(2, number) for number in (2, 4, 5)] == [False, True, False]
    assert found.down(range(-1, 4), 0) == {1, 2}  # a service is always up


def test_a_trace_says_who_is_up(tmp_path):
    path = tmp_path / "trace.csv"
    path.write_text("# node by round\n1,0,1\n0,0,1\n1,1,1\n1,1,0\n")
    found = churn(rounds=3, trace_file=str(path), leave=2, leave_round=2)
    assert [found.down(range(4), number) for number in range(3)] == [
        {1},
        {0, 1},
        {2, 3},
    ]


def test_what_is_drawn_with_certainty_is_none():
    found = churn(rate=1.0, loss=0.0)
    assert not found.nodes_go_down
    assert not found.loses_messages
    assert rows(found).all()
    assert not found.lost(0, 1).any()


@pytest.mark.parametrize(
    ("section", "told"),
    [
        (
            {"rate": 0.5, "mean_up": 3, "mean_down": 3},
            "mean_up: given together with rate",
        ),
        ({"mean_up": 3}, "mean_up = 3: given without mean_down"),
        ({"mean_down": 3}, "mean_down = 3: given without mean_up"),
        ({"bad_loss": 0.5}, "bad_loss = 0.5: given without mean_bad"),
        ({"join": 1}, "join = 1: given without join_round"),
        (
            {"leave": "[1, 4]", "leave_round": 2},
            r"leave = \[1, 4\]: there is no node 4",
        ),
    ],
)
def test_a_section_that_contradicts_itself_is_an_error(section, told):
    with pytest.raises(ConfigError, match=rf"\[CHURN\] {told}"):
        churn(**section)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1 0 1\n1 1 1\n", "ends after 2 lines of nodes; there are 4"),
        ("1 0\n" * 4, "its first line has 2 rounds, but the run 3"),
        ("1 0 1\n1 1\n", "line 2 has 2 numbers, but the first 3"),
        ("1 0 1\n1 1 2\n1 1 1\n1 1 1\n", "row 2, column 3: 2, neither 0 nor 1"),
        ("1 0 1\n1 1 x\n", "line 2, column 3: 'x' is no number"),
        ("", "has no numbers"),
    ],
)
def test_a_trace_that_does_not_fit_is_an_error(tmp_path, text, told):
    path = tmp_path / "trace.txt"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        churn(rounds=3, trace_file=str(path))
    assert str(error.value) == f"[CHURN] trace_file = {path}: {told}"
