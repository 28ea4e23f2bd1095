"""Time-varying directed graph: one peer per round, at a random distance."""

from typing import Annotated

from pydantic import Field

from decentralizepy.graphs.TimeVarying import Shifted, TimeVarying
from decentralizepy.randomness import Purpose, stream


class ODEquiDyn(TimeVarying):
    """In each round, node i sends to node ``i + a``, modulo n, for one random shift a.

    OD-EquiDyn of Song, Li, Jin, Shi, Yan, Yin and Yuan, Communication-Efficient
    Topologies for Decentralized Learning with O(1) Consensus Rate, NeurIPS 2022. The weights are ``(1 - eta) I + eta ((n - 1) / n S_a + I / n)``, where
    ``S_a`` shifts by a; they are doubly stochastic. In expectation, a round multiplies the
    squared distance to the mean by less than ``1 - 2 eta (1 - eta)``, whatever n is.

    Parameters
    ----------
    n_procs : int
        Number of nodes, at least 2.
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

    def draw(self, iteration: int) -> Shifted:
        n = self.n_procs
        drawn = stream(Purpose.SHIFTS, self.seed, round=iteration)
        shifts = [int(drawn.integers(1, n))] if n > 1 else []
        return Shifted(n, shifts, self.eta * (n - 1) / n)
