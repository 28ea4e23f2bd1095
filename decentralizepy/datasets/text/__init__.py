"""Text data sets for transformers."""

from decentralizepy.datasets.text.LLMData import LLMData

__all__ = ["LLMData"]
