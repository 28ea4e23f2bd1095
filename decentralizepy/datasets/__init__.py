"""The data sets, and how one is divided among the nodes."""

from decentralizepy.datasets.Dataset import Dataset

__all__ = ["Dataset"]
