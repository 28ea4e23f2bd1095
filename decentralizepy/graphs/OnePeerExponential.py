"""Time-varying directed graph: one peer per round, at doubling distances."""

from decentralizepy.graphs.TimeVarying import Directed, TimeVarying


class OnePeerExponential(TimeVarying):
    """In round t, node i sends to node ``i + 2^(t mod ceil(log2 n))``, modulo n.

    Ying et al., Exponential Graph is Provably Efficient for Decentralized Deep Training,
    NeurIPS 2021, section 4. Each node sends and receives one model, so the weights are
    1/2 and doubly stochastic. If n is a power of two, log2 n rounds give the exact mean.

    Parameters
    ----------
    n_procs : int
        Number of nodes.
    """

    def draw(self, iteration: int) -> Directed:
        n = self.n_procs
        period = max(1, (n - 1).bit_length())
        step = 2 ** (iteration % period)
        return Directed([{(uid + step) % n} - {uid} for uid in range(n)])
