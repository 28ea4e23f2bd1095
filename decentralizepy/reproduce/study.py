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

    method: str
    other: str = ""
    low: float = 0.0
    high: float = math.inf
    measure: str = "accuracy"
    at: int = 0

    @property
    def says(self) -> str:
        """The statement in words."""
        if self.measure == "saved":
            span = f"{self.low:g} to {self.high:g} %"
            return f"{self.method} sends {span} fewer bytes than {self.other}"
        if self.measure == "sooner":
            return f"{self.method} reaches the last accuracy of {self.other} in fewer rounds"
        if self.measure == "membership":
            if not self.other:
                return f"membership inference against {self.method} beats chance"
            return f"membership inference is better against {self.method} than {self.other}"
        if self.measure == "linked":
            return f"{self.method} has more models linked to their senders than {self.other}"
        when = f" in round {self.at}" if self.at else ""
        where = "" if self.measure == "accuracy" else f" {self.measure}"
        return f"{self.method} {self._compared()}{where}{when}"

    def _compared(self) -> str:
        low, high, other = self.low, self.high, self.other
        if not other:
            return f"reaches {low:g} %" if low > 0 else f"stays below {high:g} %"
        if high == math.inf:
            if low == 0:
                return f"is better than {other}"
            way = "better" if low > 0 else "not worse"
            return f"is {way} than {other} by more than {_points(low)}"
        if low == -math.inf:
            return f"is worse than {other}" + (
                f" by more than {_points(high)}" if high else ""
            )
        return f"is as good as {other}, within {_points(high)}"


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


def _points(number: float) -> str:
    return f"{abs(number):g} point" + ("s" if abs(number) != 1 else "")
