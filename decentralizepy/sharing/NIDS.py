"""NIDS, which is exact diffusion with a choice of how much nodes mix."""

from typing import Annotated, Any

from pydantic import Field

from decentralizepy.message import Message
from decentralizepy.sharing.ExactDiffusion import ExactDiffusion


class NIDS(ExactDiffusion):
    """D2 with the averaging weights ``I - c (I - W)`` instead of W.

    ``x <- (I - c (I - W)) (2 x - x_old - (d - d_old))``, in the first round of ``x - d``.
    Li, Shi and Yan, A Decentralized Proximal-Gradient Method with Network Independent
    Step-sizes and Separated Convergence Rates, IEEE TSP 2019, algorithm 1 without a
    proximal term, for step sizes that are the same on all nodes; their c is ours divided by
    the step size. With 1/2, it is exact diffusion.

    Parameters
    ----------
    c : float, default 0.5
        How much nodes mix, in (0, 0.5]; it then converges on every graph.
    **options
        As for :class:`~decentralizepy.sharing.corrected.CorrectedSharing`.
    """

    def __init__(
        self,
        *parts: Any,
        c: Annotated[float, Field(gt=0, le=0.5)] = 0.5,
        **options: Any,
    ) -> None:
        super().__init__(*parts, **options)
        self.c = c

    def edge_weight(self, uid: int, n_peers: int, message: Message) -> float:
        return 2 * self.c * super().edge_weight(uid, n_peers, message)
