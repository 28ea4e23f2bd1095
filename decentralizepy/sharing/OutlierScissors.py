"""The weighted mean without the models that are farthest from it, one after another."""

import torch

from decentralizepy.sharing.robust import RobustSharing


class OutlierScissors(RobustSharing):
    """Drop f times the received model that is farthest from the weighted mean of the rest.

    What is left is averaged with the weights of the graph, which are scaled to a sum of 1.
    Here f is ``byzantine``; the node's own model is never dropped. The iterative outlier
    scissor (IOS) of Wu, Chen and Ling, Byzantine-Resilient Decentralized Stochastic
    Optimization with Robust Aggregation Rules, IEEE TSP 2023, algorithm 2. Options as for
    :class:`~decentralizepy.sharing.robust.RobustSharing`.
    """

    def aggregate(self, models: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        kept = list(range(len(models)))
        for _ in range(self.tolerated(models)):
            mean = weighted_mean(models[kept], weights[kept])
            distance = (models[kept] - mean).norm(dim=1)
            del kept[1 + int(distance[1:].argmax())]
        return weighted_mean(models[kept], weights[kept])


def weighted_mean(models: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return the mean of models by weights, whatever their sum."""
    return (weights / weights.sum()) @ models
