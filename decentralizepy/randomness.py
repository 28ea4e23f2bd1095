"""The random streams of a run, derived from purpose, seed, node and round."""

import hashlib
from enum import Enum
from typing import Any

import numpy as np

DEFAULT_SEED = 97
"""The seed of a run whose data set has none."""

Place = int | tuple[int, int] | None


class Purpose(Enum):
    """The purpose of a stream; streams for different purposes are independent."""

    ORDER = "order of samples"
    """The order in which a node iterates over its samples (by uid)."""

    AUGMENTATION = "augmentation"
    """Crops and flips of training images (by uid and round)."""

    BYZANTINE = "byzantine nodes"
    """The nodes that attack the others."""

    ATTACK = "attack"
    """What a Byzantine node sends (by uid and round)."""

    NOISE = "noise"
    """What is added to a model before it is sent (by uid and round)."""
    AVAILABILITY = "availability"
    """The rounds in which a node is up (by uid)."""

    LOSS = "loss"
    """The rounds in which a message is lost (by sender and receiver)."""

    AUDIT = "audit"
    """The samples by which an audit attacks a node (by uid)."""

    SHADOWS = "shadows"
    """What an audit's shadow models are trained on (by uid and model)."""

    JUDGED = "judged"
    """The batch on which UBAR compares received models (by uid and round)."""

    POISSON = "samples of a private step"
    """Which samples take part in a step of DP-SGD (by uid and step)."""

    GRADIENTS = "noise of a private step"
    """What DP-SGD adds to the gradient (by uid and step)."""

    NODE = "node"
    """Dropout, and other users of the global generators of a process (by uid)."""

    TRAINING = "training"
    """The rounds in which a node of SkipTrain trains (by uid)."""

    RECEIVERS = "receivers"
    """The peers that a node of Epidemic Learning sends to (by uid)."""

    ACTIVE = "active nodes"
    """The nodes of Teleportation that are active (by round)."""

    WORKERS = "workers"
    """The clients that a parameter server selects (by its uid)."""

    OVERLAY = "overlay"
    """The peers that KNN and KFN gossip with, and how they break ties (by uid)."""

    EVALUATORS = "evaluators"
    """The nodes that evaluate, if not all of them do (by round)."""

    TEST_SAMPLES = "test samples"
    """The part of the test set to test on."""

    PAIRS = "pairs"
    """The pairs of a random matching (by round)."""

    SHIFTS = "shifts"
    """By how much nodes that a graph connects are apart (by round, if it changes)."""

    PLACES = "places"
    """The places of nodes in the unit square."""

    ALPHAS = "alphas"
    """The fraction of the model that JWINS sends (by uid)."""

    MASKS = "masks"
    """The entries that SubSampling sends (by uid)."""

    ENTRIES = "entries"
    """The entries that RandomK sends (by round)."""

    COINS = "coins"
    """The rounds in which ProxSkip communicates."""

    CHUNKS = "chunks"
    """Which chunk of the model a receiver gets from Shatter (by uid and round)."""

    ROUNDING = "rounding"
    """Whether QSGD rounds up or down (by uid)."""

    SKETCH = "sketch"
    """The random projection by which models are compared."""

    BASES = "bases"
    """Where the power iteration of PowerGossip starts (by edge)."""


def stream(
    purpose: Purpose | str, seed: int, uid: Place = None, round: int | None = None
) -> np.random.Generator:
    """Return the generator of a stream; equal arguments give equal numbers.

    Parameters
    ----------
    purpose : Purpose or str
        A plug-in uses a string of its own, different from all others.
    seed : int
        The seed of the run, any integer: see :func:`seed_of`.
    uid : int or (int, int), optional
        The node, or the two ends of an edge; None for a stream that all nodes share.
    round : int, optional
        From 0; None for a stream that is used in all rounds.

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
    """Return 63 bits of a stream, to seed another kind of generator.

    The arguments are those of :func:`stream`.
    """
    state = _sequence(purpose, seed, uid, round).generate_state(1, np.uint64)
    return int(state[0] >> 1)


def seed_of(dataset: Any) -> int:
    """Return the seed of the run: a data set's ``random_seed``, or 97 if it has none."""
    seed = getattr(dataset, "random_seed", None)
    return DEFAULT_SEED if seed is None else int(seed)


def torch_seed(seed: int) -> int:
    """Return ``seed``, or its low 64 bits if it is too large for torch."""
    return seed if -(2**63) <= seed < 2**64 else seed % 2**64


def _sequence(
    purpose: Purpose | str, seed: int, uid: Place, round: int | None
) -> np.random.SeedSequence:
    # hashed, as SeedSequence rejects negative numbers and confuses (2**32, 1) with (0, 1, 1)
    name = purpose.value if isinstance(purpose, Purpose) else purpose
    place = tuple(map(int, uid)) if isinstance(uid, tuple) else _plain(uid)
    key = repr((name, int(seed), place, _plain(round)))
    digest = hashlib.sha256(key.encode()).digest()
    return np.random.SeedSequence(int.from_bytes(digest, "big"))


def _plain(value: int | None) -> int | None:
    return None if value is None else int(value)  # the repr of NumPy integers differs
