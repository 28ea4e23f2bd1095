"""Data sets and their partitions."""

from decentralizepy.datasets.Dataset import Dataset

__all__ = ["Dataset"]
