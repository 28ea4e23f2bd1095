"""What a study is made of: methods to run, and claims about them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from decentralizepy.config.assignments import parsed
from decentralizepy.sweeps.points import Point, axes, grid

BASE = Path(__file__).with_name("digits.ini")


@dataclass(frozen=True)
class Claim:
    """A statement about a difference: that it lies between two numbers.

    Attributes
    ----------
    says : str
        The statement in words.
    method, other : str
        The methods that are compared, seed by seed. Without ``other``, the statement is
        about a value of ``method``.
    low, high : float
        The difference, ``method`` minus ``other``, lies between these: above 0 by
        default.
    measure : str
        A key of :data:`decentralizepy.reproduce.measures.MEASURES`.
    at : int
        The round of the comparison; 0 for the last one.
    """

    says: str
    method: str
    other: str = ""
    low: float = 0.0
    high: float = math.inf
    measure: str = "accuracy"
    at: int = 0


@dataclass(frozen=True)
class Study:
    """An experiment of a paper at a small size.

    Attributes
    ----------
    paper : str
        Authors, title, venue and year.
    about : str
        What is claimed, in a few words.
    minutes : float
        How long it takes on two cores.
    methods : mapping of str to sequence of str
        What each method sets, as ``SECTION.key=value``, by name.
    claims : sequence of Claim
        The name of a method is followed by the values of ``grid``, as in
        ``D2,alpha=0.1``.
    settings : sequence of str
        What all methods set.
    grid : sequence of str
        ``SECTION.key=v1,v2``: every method is run with each of these values.
    rounds, test_after : int
    """

    paper: str
    about: str
    minutes: float
    methods: Mapping[str, Sequence[str]]
    claims: Sequence[Claim]
    settings: Sequence[str] = ()
    grid: Sequence[str] = ()
    rounds: int = 100
    test_after: int = 5

    def rows(self) -> list[dict[str, str]]:
        """Return a row per method: its name, and the text of each ``SECTION.key``.

        Raises
        ------
        ConfigError
            If a setting does not have this form.
        """
        rows = []
        for name, own in self.methods.items():
            settings = map(parsed, (*self.settings, *own))
            cells = {f"{each.section}.{each.key}": each.text for each in settings}
            rows.append({"name": name, **cells})
        return rows

    def names(self) -> list[str]:
        """Return the names of all methods, with the values of the grid."""
        given = [Point(name, ()) for name in self.methods]
        return [point.name for point in grid(axes(self.grid), given)]
