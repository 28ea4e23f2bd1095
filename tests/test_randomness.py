"""Breaks when two streams of a run agree, or one changes between processes or releases."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, strategies as st

from decentralizepy.randomness import (
    DEFAULT_SEED,
    Purpose,
    derive_seed,
    seed_of,
    stream,
)

SEEDS = range(90, 190)
UIDS = range(100)
PLACE = st.none() | st.integers() | st.tuples(st.integers(), st.integers())
KEYS = st.tuples(
    st.sampled_from(Purpose) | st.text(),
    st.integers(),
    PLACE,
    st.none() | st.integers(min_value=0),
)


def test_no_two_streams_of_100_seeds_and_100_nodes_agree():
    """Neither one uid's with another's of a neighboring seed, nor with its own of a round."""
    drawn = [
        derive_seed(purpose, seed, uid, round_)
        for purpose in Purpose
        for seed in SEEDS
        for uid in UIDS
        for round_ in (None, uid)
    ]
    assert len(set(drawn)) == len(drawn) == len(Purpose) * 100 * 100 * 2


def test_streams_have_their_own_numbers_not_shifted_ones():
    """Seed 90 of node 4 and seed 91 of node 3 share no number among their first 1,000."""
    first, second = (
        stream(Purpose.RECEIVERS, seed, uid).integers(2**63, size=1000)
        for seed, uid in ((90, 4), (91, 3))
    )
    assert not np.isin(first, second).any()


@given(KEYS, KEYS)
def test_other_keys_have_other_numbers(one, other):
    assert (derive_seed(*one) == derive_seed(*other)) == (names(one) == names(other))


def names(key):
    purpose, *place = key
    return [getattr(purpose, "value", purpose), *place]


@pytest.mark.parametrize("seed", [-1, 0, 1, 2**32, 2**64, 2**64 + 1, -(10**30)])
def test_a_seed_may_be_negative_and_huge(seed):
    assert 0 <= derive_seed(Purpose.ALPHAS, seed, 3) < 2**63
    others = {
        derive_seed(Purpose.ALPHAS, other, 3) for other in (seed + 1, seed - 1, -seed)
    }
    assert (derive_seed(Purpose.ALPHAS, seed, 3) in others) == (seed == 0)


def test_a_stream_is_the_same_in_every_process():
    """The numbers are pinned: a hash that Python salts anew would change them."""
    code = (
        "from decentralizepy.randomness import *;"
        "print(derive_seed(Purpose.ORDER, 90, 4), derive_seed('mine', -1, (2, 5), 7))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    here = derive_seed(Purpose.ORDER, 90, 4), derive_seed("mine", -1, (2, 5), 7)
    assert tuple(map(int, told.stdout.split())) == here
    assert here == (1791727845169889529, 471882329451081436)


def test_numpy_numbers_are_the_same_seed():
    key = (np.int64(7), (np.int64(1), np.int64(2)), np.int32(3))
    assert derive_seed(Purpose.BASES, *key) == derive_seed(Purpose.BASES, 7, (1, 2), 3)


def test_purposes_have_names_of_their_own():
    """An Enum takes a second name for one value as an alias, silently."""
    assert len(Purpose.__members__) == len(Purpose)


def test_the_seed_of_a_run_is_that_of_its_data():
    class Seeded:
        random_seed = 3

    assert (seed_of(Seeded()), seed_of(None), DEFAULT_SEED) == (3, 97, 97)
