"""Random shifts in both directions: EquiStatic, made symmetric."""

from collections import Counter
from typing import Annotated

from pydantic import Field

from decentralizepy.graphs.EquiStatic import draw_shifts
from decentralizepy.graphs.TimeVarying import Weighted


class UEquiStatic(Weighted):
    """Exchange models with the nodes ``uid + a`` and ``uid - a``, for random shifts a.

    U-EquiStatic of Song, Li, Jin, Shi, Yan, Yin and Yuan, Communication-Efficient
    Topologies for Decentralized Learning with O(1) Consensus Rate, NeurIPS 2022. The
    weights are ``(W + W^T) / 2``, with W those of
    :class:`~decentralizepy.graphs.EquiStatic.EquiStatic`: symmetric and doubly stochastic.

    Parameters
    ----------
    n_procs : int
        Number of nodes.
    peers : int, default 2
        Number of shifts M, from 1 to n - 1; a node has up to twice as many neighbors.
    seed : int, default 0
        Of the shifts, which are those of ``EquiStatic``.

    Raises
    ------
    GraphError
        If there are not as many shifts.
    """

    def __init__(
        self, n_procs: int, peers: Annotated[int, Field(ge=1)] = 2, seed: int = 0
    ) -> None:
        self.shifts = draw_shifts(n_procs, peers, seed)
        pairs = (
            (uid, (uid + shift) % n_procs)
            for shift in self.shifts
            for uid in range(n_procs)
        )
        met = Counter((min(pair), max(pair)) for pair in pairs)
        share = (n_procs - 1) / (2 * n_procs * peers)
        super().__init__(n_procs, {pair: share * count for pair, count in met.items()})
