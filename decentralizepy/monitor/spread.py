"""A metric over the nodes of a run, in one round."""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, quantiles
from typing import NamedTuple


class Spread(NamedTuple):
    """A metric over the nodes that measured it in one round.

    ``std`` is the population standard deviation, ``deciles`` are the nine. A non-finite
    value makes ``mean`` and ``std`` nan; the others ignore it. ``lowest`` is the rank of
    ``low``.
    """

    round: int
    nodes: int
    mean: float
    std: float
    low: float
    high: float
    lowest: int
    deciles: Sequence[float] = ()

    @classmethod
    def of(cls, number: int, values: Mapping[int, float]) -> "Spread":
        """Return the spread of the values by rank."""
        mean = fmean(values.values())
        std = math.hypot(*(v - mean for v in values.values())) / math.sqrt(len(values))
        finite = [(v, rank) for rank, v in values.items() if math.isfinite(v)]
        low, lowest = min(finite, default=(math.nan, min(values)))
        high = max(finite, default=(math.nan, 0))[0]
        found = [value for value, _ in finite]
        tenths = quantiles(found, n=10, method="inclusive") if len(found) > 1 else ()
        return cls(number, len(values), mean, std, low, high, lowest, tenths)
