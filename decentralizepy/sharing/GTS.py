"""Gossip without the neighbors whose models are farthest from the node's own."""

import torch

from decentralizepy.sharing.CSPlus import CSPlus


class GTS(CSPlus):
    """Move towards the neighbors' models, but not towards the farthest ones.

    ``x_i -= s sum_j v_ij (x_i - x_j)``, where s is ``step_size``, and v are the weights
    w_ij after b has been taken off them, from the farthest model on; the last one keeps a
    part. As for CS+, b is the largest weight that f neighbors have, and f ``byzantine``.
    The geometrically trimmed sum (GTS) of Gaucher, Dieuleveut and Hendrikx, Unified
    Breakdown Analysis for Byzantine Robust Gossip, ICML 2025, section 3; NNA with the
    weights of the graph. Options as for
    :class:`~decentralizepy.sharing.CSPlus.CSPlus`.
    """

    @classmethod
    def outvotes(cls, neighbors: int) -> int:
        return neighbors // 2

    def counted(self, lengths: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        order = lengths.sort(descending=True, stable=True).indices
        ranked = weights[order]
        left = (ranked.cumsum(0) - self.suspected(weights)).clamp(min=0)
        kept = torch.empty_like(weights)
        kept[order] = torch.minimum(left, ranked)
        return kept
