"""Local training on a node's own data."""

from decentralizepy.training.Training import Training

__all__ = ["Training"]
