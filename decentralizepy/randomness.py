"""Every random stream of a run, from its purpose, the run's seed, the node and the round."""

import hashlib
from enum import Enum
from typing import Any

import numpy as np

DEFAULT_SEED = 97
"""The seed of a run whose data set has none."""

Place = int | tuple[int, int] | None


class Purpose(Enum):
    """What a stream is drawn for; streams of two purposes never agree."""

    ORDER = "order of samples"
    """In which order a node passes over its samples (by uid)."""

    NODE = "node"
    """Dropout, and what else draws from the global generators of a process (by uid)."""

    RECEIVERS = "receivers"
    """Whom a node of Epidemic Learning sends to (by uid)."""

    WORKERS = "workers"
    """Which clients a parameter server asks (by its uid)."""

    OVERLAY = "overlay"
    """Whom KNN and KFN gossip with, and how they break ties (by uid)."""

    PAIRS = "pairs"
    """Who meets whom in a random matching (by round)."""

    ALPHAS = "alphas"
    """How much of the model JWINS sends (by uid)."""

    MASKS = "masks"
    """Which entries SubSampling sends (by uid)."""

    ENTRIES = "entries"
    """Which entries RandomK sends (by round)."""

    ROUNDING = "rounding"
    """Whether QSGD rounds up or down (by uid)."""

    BASES = "bases"
    """Where the power iteration of PowerGossip starts (by edge)."""


def stream(
    purpose: Purpose | str, seed: int, uid: Place = None, round: int | None = None
) -> np.random.Generator:
    """Return the generator of one stream; equal arguments give equal numbers.

    Parameters
    ----------
    purpose : Purpose or str
        A plug-in names its own purpose with a text that no other uses.
    seed : int
        The run's, of any sign and size: see :func:`seed_of`.
    uid : int or (int, int), optional
        The node, or the two ends of an edge; None for a stream that all nodes share.
    round : int, optional
        From 0; None for a stream that lasts all rounds.

    Examples
    --------
    >>> one = stream(Purpose.ALPHAS, seed=90, uid=4)
    >>> bool(one.random() == stream(Purpose.ALPHAS, seed=90, uid=4).random())
    True
    >>> bool(one.random() == stream(Purpose.ALPHAS, seed=91, uid=3).random())
    False
    """
    return np.random.default_rng(_sequence(purpose, seed, uid, round))


def derive_seed(
    purpose: Purpose | str, seed: int, uid: Place = None, round: int | None = None
) -> int:
    """Return 63 bits of a stream, to seed another kind of generator with.

    Arguments as for :func:`stream`.
    """
    state = _sequence(purpose, seed, uid, round).generate_state(1, np.uint64)
    return int(state[0] >> 1)


def seed_of(dataset: Any) -> int:
    """Return the run's seed: the ``random_seed`` of a data set, or 97 without one."""
    seed = getattr(dataset, "random_seed", None)
    return DEFAULT_SEED if seed is None else int(seed)


def torch_seed(seed: int) -> int:
    """Return ``seed``, or its last 64 bits if torch takes none of that size."""
    return seed if -(2**63) <= seed < 2**64 else seed % 2**64


def _sequence(
    purpose: Purpose | str, seed: int, uid: Place, round: int | None
) -> np.random.SeedSequence:
    # hashed, since SeedSequence takes no negative numbers, and (2**32, 1) for (0, 1, 1)
    name = purpose.value if isinstance(purpose, Purpose) else purpose
    place = tuple(map(int, uid)) if isinstance(uid, tuple) else _plain(uid)
    key = repr((name, int(seed), place, _plain(round)))
    digest = hashlib.sha256(key.encode()).digest()
    return np.random.SeedSequence(int.from_bytes(digest, "big"))


def _plain(value: int | None) -> int | None:
    return None if value is None else int(value)  # numpy's integers print otherwise
