"""Whether claims hold, by an interval over seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from decentralizepy.reproduce.measures import MEASURES
from decentralizepy.reproduce.study import Claim
from decentralizepy.results.methods import Method
from decentralizepy.results.read import Run
from decentralizepy.results.statistics import summary

HOLDS, FAILS, OPEN = "holds", "does not hold", "cannot be told"
LEAST = 3  # seeds; an interval over two is too wide to tell anything
RULE = """\
A difference is computed for each seed, and has a 95 % confidence interval of its mean over
seeds (Student's t). A claim says between which numbers the difference lies, such as above 0.
It holds if the whole interval lies there, and does not hold if no part of it does; otherwise,
or with fewer than 3 seeds, it cannot be told."""


@dataclass(frozen=True)
class Verdict:
    """A claim, what was measured for each seed, and whether it holds.

    ``mean`` and ``half``, half the width of its interval, are nan if there are too few
    seeds.
    """

    claim: Claim
    values: tuple[float, ...]
    mean: float
    half: float

    @property
    def word(self) -> str:
        """``holds``, ``does not hold`` or ``cannot be told``."""
        if len(self.values) < LEAST or math.isnan(self.half):
            return OPEN
        low, high = self.mean - self.half, self.mean + self.half
        if low > self.claim.low and high < self.claim.high:
            return HOLDS
        return FAILS if high < self.claim.low or low > self.claim.high else OPEN

    @property
    def measured(self) -> str:
        """The mean with its interval and unit, as text."""
        if not self.values:
            return "not measured"
        unit = MEASURES[self.claim.measure].unit
        sign = "+" if self.claim.other else ""
        half = "" if math.isnan(self.half) else f" ± {self.half:.1f}"
        return f"{self.mean:{sign}.1f}{half} {unit}"


def judge(claims: Iterable[Claim], methods: Iterable[Method]) -> list[Verdict]:
    """Return a verdict on each claim."""
    known = {method.name: method for method in methods}
    return [_verdict(claim, known) for claim in claims]


def _verdict(claim: Claim, known: Mapping[str, Method]) -> Verdict:
    values = tuple(value for value in _values(claim, known) if not math.isnan(value))
    found = summary("mean", values)
    return Verdict(claim, values, found["mean"], found["mean_half"])


def _values(claim: Claim, known: Mapping[str, Method]) -> Iterable[float]:
    """Yield the value of each seed that both methods have."""
    measure = MEASURES[claim.measure].value
    mine, theirs = _by_seed(known, claim.method), _by_seed(known, claim.other)
    for seed, run in mine.items():
        if not claim.other:
            yield measure(run, None, claim.at)
        elif seed in theirs:
            yield measure(run, theirs[seed], claim.at)


def _by_seed(known: Mapping[str, Method], name: str) -> dict[int, Run]:
    if name not in known:
        return {}
    return dict(zip(known[name].seeds, known[name].runs, strict=True))
