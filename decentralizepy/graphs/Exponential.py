"""Directed graph with edges at all distances that are powers of two."""

from decentralizepy.graphs.TimeVarying import Directed


class Exponential(Directed):
    """Node i sends to the nodes ``i + 2^j``, modulo n, for j from 0 to ceil(log2 n) - 1.

    The static exponential graph of Ying et al., Exponential Graph is Provably Efficient
    for Decentralized Deep Training, NeurIPS 2021, section 3. In- and out-degrees are
    equal, so equal weights are doubly stochastic.

    Parameters
    ----------
    n_procs : int
        Number of nodes, at least 1.
    """

    def __init__(self, n_procs: int) -> None:
        steps = [2**j for j in range((n_procs - 1).bit_length())]
        super().__init__(
            [{(uid + step) % n_procs for step in steps} for uid in range(n_procs)]
        )
