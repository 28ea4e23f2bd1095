"""Time-varying graph: at most one partner per round, at a random distance."""

from typing import Annotated

from pydantic import Field

from decentralizepy.graphs.TimeVarying import TimeVarying, Weighted
from decentralizepy.randomness import Purpose, stream


class OUEquiDyn(TimeVarying):
    """In each round, pair nodes that are a random shift apart.

    From a random node on, each node i that is still alone is paired with ``i + a``, modulo
    n, if that is alone, too. OU-EquiDyn of Song, Li, Jin, Shi, Yan, Yin and Yuan,
    Communication-Efficient Topologies for Decentralized Learning with O(1) Consensus Rate,
    NeurIPS 2022. Both of a pair give the other's model the weight
    ``eta (n - 1) / n``, so the weights are symmetric and doubly stochastic. At least two
    thirds of the nodes are paired, hence in expectation a round multiplies the squared
    distance to the mean by at most ``1 - 4 eta (1 - eta) / 3``.

    Parameters
    ----------
    n_procs : int
        Number of nodes.
    eta : float, default 0.5
        Between 0 and 1; the default is the fastest.
    seed : int, default 0
        The same seed gives the same sequence on every node.
    """

    def __init__(
        self,
        n_procs: int,
        eta: Annotated[float, Field(gt=0, lt=1)] = 0.5,
        seed: int = 0,
    ) -> None:
        self.eta, self.seed = eta, seed
        super().__init__(n_procs)

    def draw(self, iteration: int) -> Weighted:
        n = self.n_procs
        if n == 1:
            return Weighted(1, {})
        drawn = stream(Purpose.SHIFTS, self.seed, round=iteration)
        shift, first = int(drawn.integers(1, n)), int(drawn.integers(n))
        share = self.eta * (n - 1) / n
        return Weighted(n, dict.fromkeys(pairs(n, shift, first), share))


def pairs(n_procs: int, shift: int, first: int) -> list[tuple[int, int]]:
    """Return the pairs of nodes ``shift`` apart that are found from ``first`` on."""
    found: list[tuple[int, int]] = []
    paired: set[int] = set()
    for uid in range(first, first + n_procs):
        pair = {uid % n_procs, (uid + shift) % n_procs}
        if not pair & paired:
            paired |= pair
            found.append((min(pair), max(pair)))
    return found
