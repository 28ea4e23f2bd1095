"""Random shifts whose averaging does not slow down with the number of nodes."""

from typing import Annotated

from pydantic import Field

from decentralizepy.errors import GraphError
from decentralizepy.graphs.TimeVarying import Shifted
from decentralizepy.randomness import Purpose, stream


class EquiStatic(Shifted):
    """Send to the nodes ``uid + a`` modulo n, for ``peers`` random shifts a.

    D-EquiStatic of Song, Li, Jin, Shi, Yan, Yin and Yuan, Communication-Efficient
    Topologies for Decentralized Learning with O(1) Consensus Rate, NeurIPS 2022, algorithm
    1. The weights are those of the mean over the shifts of ``(n - 1) / n S_a + I / n``,
    where ``S_a`` shifts by a; they are doubly stochastic. Here, shifts are not repeated.

    Parameters
    ----------
    n_procs : int
        Number of nodes.
    peers : int, default 2
        Number of shifts M, from 1 to n - 1. With ``M = 8 ln(2 n / p) / (3 eps^2)``, a round
        brings models closer by a factor of eps with probability 1 - p.
    seed : int, default 0
        The seed of the shifts.

    Raises
    ------
    GraphError
        If there are not as many shifts.
    """

    def __init__(
        self, n_procs: int, peers: Annotated[int, Field(ge=1)] = 2, seed: int = 0
    ) -> None:
        shifts = self.draw_shifts(n_procs, peers, seed)
        super().__init__(n_procs, shifts, (n_procs - 1) / (n_procs * len(shifts)))

    def draw_shifts(self, n_procs: int, peers: int, seed: int) -> list[int]:
        """Return ``peers`` different shifts from 1 to n - 1, or raise a GraphError."""
        if not 1 <= peers < n_procs:
            raise GraphError(
                f"peers = {peers} with {n_procs} nodes: expected from 1 to {n_procs - 1}"
            )
        drawn = stream(Purpose.SHIFTS, seed).permutation(n_procs - 1)
        shifts: list[int] = (1 + drawn[:peers]).tolist()
        return shifts
