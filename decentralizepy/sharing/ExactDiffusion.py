"""Exact diffusion, which is D2 with lazy averaging weights."""

from decentralizepy.message import Message
from decentralizepy.sharing.D2 import D2


class ExactDiffusion(D2):
    """D2 with the averaging weights ``(I + W) / 2`` instead of W.

    Yuan, Ying, Zhao and Sayed, Exact Diffusion for Distributed Optimization and Learning,
    IEEE TSP 2019, part I, algorithm 1. With equal step sizes, it is also NIDS of Li, Shi
    and Yan, IEEE TSP 2019. Options as for
    :class:`~decentralizepy.sharing.corrected.CorrectedSharing`.
    """

    def edge_weight(self, uid: int, n_peers: int, message: Message) -> float:
        return super().edge_weight(uid, n_peers, message) / 2
