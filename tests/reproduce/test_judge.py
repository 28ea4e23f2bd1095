"""Breaks when a claim about runs is judged otherwise than by its interval over seeds."""

import math

import pytest
from hypothesis import given, settings, strategies as st

from decentralizepy.reproduce.judge import FAILS, HOLDS, OPEN, Verdict, judge
from decentralizepy.reproduce.measures import LEAKS
from decentralizepy.reproduce.study import Claim
from decentralizepy.results.methods import Method
from decentralizepy.results.read import Run


def method(name, seeds, sent=100.0):
    """Return a method of one node, with its accuracies in rounds 5, 10, ... by seed."""
    runs = tuple(Run(name, {"0": _table(each, sent)}) for each in seeds.values())
    return Method(name, runs, tuple(seeds))


def _table(accuracies, sent):
    rounds = range(5, 5 * len(accuracies) + 1, 5)
    bytes_ = {n: sent * n for n in rounds}
    return {
        "test_acc": dict(zip(rounds, accuracies, strict=True)),
        "total_bytes": bytes_,
    }


def verdict(claim, *methods):
    (found,) = judge([claim], methods)
    return found


# differences of seeds 1, 2, 3: 1, 2, 3; mean 2, std 1; Student's t for 2 degrees of
# freedom is 4.3027, so the interval is 2 +- 4.3027 / sqrt(3) = 2 +- 2.4841
FAST = method("fast", {1: [50.0, 71.0], 2: [50.0, 72.0], 3: [50.0, 73.0]}, 40.0)
SLOW = method("slow", {3: [40.0, 70.0], 1: [40.0, 70.0], 2: [50.0, 70.0]})


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0, math.inf, OPEN),
        (-0.4842, math.inf, HOLDS),
        (-0.4842, 4.4842, HOLDS),
        (-0.4841, 4.4842, OPEN),
        (-1, 4.4840, OPEN),
        (4.4842, math.inf, FAILS),
        (-9, -0.4842, FAILS),
    ],
)
def test_a_claim_holds_if_the_whole_interval_lies_where_it_says(low, high, word):
    found = verdict(Claim("fast", "slow", low, high), FAST, SLOW)
    assert found.values == (1, 2, 3)
    assert found.mean == pytest.approx(2)
    assert found.half == pytest.approx(2.48414, abs=1e-5)
    assert found.word == word
    assert found.measured == "+2.0 ± 2.5 points"


@pytest.mark.parametrize(
    ("claim", "values"),
    [
        (Claim("fast", "slow", at=5), (10, 0, 10)),  # paired by seed, not by place
        (Claim("fast", "slow", at=7), ()),  # no test in this round
        (Claim("fast"), (71, 72, 73)),
        (Claim("fast", "slow", measure="saved"), (60, 60, 60)),
        # 71, 72 and 73 are never reached by the slow one: round 11 at the earliest
        (Claim("slow", "fast", measure="sooner"), (-1, -1, -1)),
        (Claim("fast", "slow", measure="sooner"), (0, 0, 0)),
        # the fast one sends 400 in all; the slow one had sent more in its first test
        (Claim("fast", "slow", measure="at equal bytes"), ()),
        (Claim("absent", "slow"), ()),
    ],
)
def test_what_is_measured_for_each_seed(claim, values):
    assert verdict(claim, FAST, SLOW).values == pytest.approx(values)


def test_at_equal_bytes_the_last_test_within_the_smaller_budget_counts():
    frugal = method("frugal", {1: [50.0, 60.0]}, 50.0)
    claim = Claim("frugal", "slow", measure="at equal bytes")
    assert verdict(claim, frugal, SLOW).values == (20,)  # 60 - 40, of round 5


@pytest.mark.parametrize(("measure", "leaked"), [("membership", 20), ("linked", 70)])
def test_what_leaks_is_of_the_last_audited_round(measure, leaked):
    runs = [
        Run(
            "run",
            {"0": _table([50.0], 1.0)},
            final={LEAKS[measure]: {5: 60.0, 10: auc}},
        )
        for auc in (70.0, 55.0)
    ]
    plain, noisy = (Method(name, (run,)) for name, run in zip("pn", runs, strict=True))
    assert verdict(Claim("p", measure=measure), plain).values == (leaked,)
    assert verdict(Claim("p", "n", measure=measure), plain, noisy).values == (15,)


@pytest.mark.parametrize("values", [(), (5.0,), (5.0, 5.0)])
def test_fewer_than_three_seeds_tell_nothing(values):
    runs = {seed: [value] for seed, value in enumerate(values)}
    assert verdict(Claim("one", low=4), method("one", runs)).word == OPEN


numbers = st.floats(-100, 100)


@settings(max_examples=100)
@given(
    values=st.lists(numbers, min_size=3, max_size=6),
    half=st.floats(0, 50),
    bounds=st.tuples(numbers, numbers).map(sorted),
)
def test_the_opposite_claim_is_judged_the_opposite_way(values, half, bounds):
    """A difference that lies in an interval: the negated one lies in the mirrored one."""
    mean = sum(values) / len(values)
    low, high = bounds
    found = Verdict(Claim("a", "b", low, high), tuple(values), mean, half)
    mirror = Claim("b", "a", -high, -low)
    assert Verdict(mirror, tuple(values), -mean, half).word == found.word
    above = Verdict(Claim("a", "b", high), tuple(values), mean, half)
    assert {found.word, above.word} != {HOLDS}
