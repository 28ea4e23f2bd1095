"""Sketches of models: a few numbers per node that tell how far apart the models are."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from decentralizepy.randomness import Purpose, stream

NAME = "sketch"
SIZE = 32
_CHUNK = 1 << 20  # entries at a time, which bounds the memory

Sketches = Mapping[str, Mapping[int, Sequence[float]]]
"""The sketch of each node, by round."""


def sketch(parts: Iterable[npt.NDArray[Any]], seed: int) -> list[float]:
    """Return a random projection of a vector to 32 numbers, a count sketch.

    Each entry is added to one of the numbers, drawn at random, with a random sign. The
    squared norm of a sketch is an unbiased estimate of that of the vector, with a relative
    standard deviation of at most ``sqrt(2 / 32)``. Sketches of the same seed are linear:
    that of a difference is the difference of the sketches. Charikar, Chen and
    Farach-Colton, Finding Frequent Items in Data Streams, ICALP 2002.

    Parameters
    ----------
    parts : iterable of array of shape (n,)
        The vector, in parts that are equally long on all nodes.
    seed : int
        The seed of the run.

    Returns
    -------
    list of float
        The same bits on every machine, as it is summed in order and in double precision.
    """
    generator = stream(Purpose.SKETCH, seed)
    sums = np.zeros(2 * SIZE)  # with a plus sign, and with a minus sign
    for part in parts:
        for start in range(0, len(part), _CHUNK):
            chunk = part[start : start + _CHUNK]
            places = generator.integers(0, 2 * SIZE, len(chunk), dtype=np.uint8)
            sums += np.bincount(places, chunk, minlength=2 * SIZE)
    found: list[float] = (sums[:SIZE] - sums[SIZE:]).tolist()
    return found


def sketch_rows(
    rows: npt.NDArray[Any], lens: Sequence[int], seed: int
) -> list[list[float]]:
    """Return the sketch of each row, whose parts have the lengths ``lens``.

    They differ from those of :func:`sketch` by the order of sums in double precision.
    """
    places = _places(tuple(lens), seed)
    sums = np.stack([np.bincount(places, row, minlength=2 * SIZE) for row in rows])
    found: list[list[float]] = (sums[:, :SIZE] - sums[:, SIZE:]).tolist()
    return found


@lru_cache(maxsize=4)
def _places(lens: tuple[int, ...], seed: int) -> npt.NDArray[np.uint8]:
    """Return which of the sums each entry of a vector belongs to."""
    generator = stream(Purpose.SKETCH, seed)
    chunks = [
        min(_CHUNK, length - start)
        for length in lens
        for start in range(0, length, _CHUNK)
    ]
    drawn = [generator.integers(0, 2 * SIZE, n, dtype=np.uint8) for n in chunks]
    return np.concatenate(drawn)


def distances(sketches: Sketches) -> dict[int, tuple[float, int]]:
    """Return the estimated consensus distance by round, and over how many nodes it is.

    Rounds of fewer than two nodes are left out.
    """
    rounds = sorted({number for of in sketches.values() for number in of})
    found = {}
    for number in rounds:
        rows = np.array([of[number] for of in sketches.values() if number in of])
        if len(rows) > 1:
            gaps = rows - rows.mean(axis=0)
            found[number] = float(np.sqrt((gaps**2).sum(axis=1).mean())), len(rows)
    return found


def mixing(distance: Mapping[int, float]) -> dict[int, float]:
    """Return by which factor the consensus distance changes per round, by window.

    A window lies between two rounds in which the distance is known, and is named by the
    second one: ``(d_b / d_a) ** (1 / (b - a))``. Below 1, models approach each other.
    Windows that begin with equal models are left out.
    """
    rounds = sorted(distance)
    return {
        after: (distance[after] / distance[before]) ** (1 / (after - before))
        for before, after in itertools.pairwise(rounds)
        if distance[before] > 0
    }
