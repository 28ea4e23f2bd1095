"""How a node learns from its own data."""

from decentralizepy.training.Training import Training

__all__ = ["Training"]
