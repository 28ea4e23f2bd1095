"""Random shifts in both directions: EquiStatic, made symmetric."""

from decentralizepy.graphs.EquiStatic import EquiStatic


class UEquiStatic(EquiStatic):
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
        The seed of the shifts, which are those of ``EquiStatic``.

    Raises
    ------
    GraphError
        If there are not as many shifts.
    """

    directed = False

    def draw_shifts(self, n_procs: int, peers: int, seed: int) -> list[int]:
        """Return the shifts of ``EquiStatic``, and those back."""
        there = super().draw_shifts(n_procs, peers, seed)
        return [*there, *(n_procs - shift for shift in there)]
