"""Time-varying graph: at most one partner per round, at a random distance."""

from decentralizepy.graphs.equi_dyn import EquiDyn
from decentralizepy.graphs.TimeVarying import Weighted
from decentralizepy.randomness import Purpose, stream


class OUEquiDyn(EquiDyn):
    """In each round, pair nodes that are a random shift apart.

    From a random node on, each node i that is still alone is paired with ``i + a``, modulo
    n, if that is alone, too. OU-EquiDyn of Song, Li, Jin, Shi, Yan, Yin and Yuan,
    Communication-Efficient Topologies for Decentralized Learning with O(1) Consensus Rate,
    NeurIPS 2022. Both of a pair give the other's model the weight
    ``eta (n - 1) / n``, so the weights are symmetric and doubly stochastic. At least two
    thirds of the nodes are paired, hence in expectation a round multiplies the squared
    distance to the mean by at most ``1 - 4 eta (1 - eta) / 3``.

    Options as for :class:`~decentralizepy.graphs.equi_dyn.EquiDyn`.
    """

    def draw(self, iteration: int) -> Weighted:
        n = self.n_procs
        if n == 1:
            return Weighted(1, {})
        drawn = stream(Purpose.SHIFTS, self.seed, round=iteration)
        shift, first = int(drawn.integers(1, n)), int(drawn.integers(n))
        return Weighted(n, dict.fromkeys(pairs(n, shift, first), self.share))


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
