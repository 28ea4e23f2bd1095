"""Time-varying directed graph: one peer per round, at a random distance."""

from decentralizepy.graphs.equi_dyn import EquiDyn
from decentralizepy.graphs.TimeVarying import Shifted
from decentralizepy.randomness import Purpose, stream


class ODEquiDyn(EquiDyn):
    """In each round, node i sends to node ``i + a``, modulo n, for one random shift a.

    OD-EquiDyn of Song, Li, Jin, Shi, Yan, Yin and Yuan, Communication-Efficient
    Topologies for Decentralized Learning with O(1) Consensus Rate, NeurIPS 2022. The
    weights are ``(1 - eta) I + eta ((n - 1) / n S_a + I / n)``, where ``S_a`` shifts by a;
    they are doubly stochastic. In expectation, a round multiplies the
    squared distance to the mean by less than ``1 - 2 eta (1 - eta)``, whatever n is.

    Options as for :class:`~decentralizepy.graphs.equi_dyn.EquiDyn`.
    """

    def draw(self, iteration: int) -> Shifted:
        n = self.n_procs
        drawn = stream(Purpose.SHIFTS, self.seed, round=iteration)
        shifts = [int(drawn.integers(1, n))] if n > 1 else []
        return Shifted(n, shifts, self.share)
