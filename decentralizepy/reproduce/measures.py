"""What claims are about: a number for each seed, of one run or of a pair of runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from decentralizepy.results.methods import sent_per_node
from decentralizepy.results.read import Run
from decentralizepy.results.statistics import within

if TYPE_CHECKING:
    from pandas import Series

    Value: TypeAlias = Callable[[Run, Run | None, int], float]


LEAKS: Mapping[str, str] = {"membership": "mia_auc", "linked": "link_accuracy"}
"""The metric of an audit, in percent, that tells each of what leaks."""


class Measure(NamedTuple):
    """A measure: its unit, and its value for two runs with the same seed."""

    unit: str
    value: Value


def accuracy(run: Run, other: Run | None, at: int) -> float:
    """Return by how many points the accuracy, averaged over nodes, is higher."""
    mine = _at(_tested(run), at)
    return mine if other is None else mine - _at(_tested(other), at)


def at_equal_bytes(run: Run, other: Run | None, at: int) -> float:
    """Return the same, of the last tests before a node had sent more than the frugal one."""
    runs = [each for each in (run, other) if each is not None]
    budget = min(map(sent_per_node, runs))
    mine, *theirs = (within(each, budget) for each in runs)
    return mine - sum(theirs)


def saved(run: Run, other: Run | None, at: int) -> float:
    """Return how many percent fewer bytes a run has sent."""
    if other is None:
        return math.nan
    return 100 * (1 - sent_per_node(run) / sent_per_node(other))


def sooner(run: Run, other: Run | None, at: int) -> float:
    """Return how many rounds earlier a run reaches the last accuracy of the other.

    A run that never reaches it counts as reaching it one round after its last.
    """
    if other is None:
        return math.nan
    target = _at(_tested(other), 0)
    return _reached(other, target) - _reached(run, target)


def membership(run: Run, other: Run | None, at: int) -> float:
    """Return by how much better membership inference does than chance, or against other.

    By the area under its curve, which is 50 % by chance.
    """
    return _leaked("membership", run, other) - (50 if other is None else 0)


def linked(run: Run, other: Run | None, at: int) -> float:
    """Return how many more of the received models are linked to their senders' data."""
    return _leaked("linked", run, other)


MEASURES: Mapping[str, Measure] = {
    "accuracy": Measure("points", accuracy),
    "at equal bytes": Measure("points", at_equal_bytes),
    "saved": Measure("% of the bytes", saved),
    "sooner": Measure("rounds", sooner),
    "membership": Measure("points of AUC", membership),
    "linked": Measure("% of the models", linked),
}


def _tested(run: Run) -> Series[float]:
    return run.spread("test_acc")["mean"]


def _at(tested: Series[float], number: int) -> float:
    """Return the value in a round, 0 being the last; nan if there was no test."""
    if not len(tested):
        return math.nan
    return float(tested.iloc[-1] if number == 0 else tested.get(number, math.nan))


def _reached(run: Run, target: float) -> float:
    tested = _tested(run)
    enough = tested[tested >= target]
    return float(enough.index[0] if len(enough) else tested.index[-1] + 1)


def _leaked(name: str, run: Run, other: Run | None) -> float:
    """Return what leaked in the last audited round."""
    rounds = run.final.get(LEAKS[name], {})
    mine = rounds[max(rounds)] if rounds else math.nan
    return mine if other is None else mine - _leaked(name, other, None)
