"""Training on text."""

from decentralizepy.training.text.LLMTraining import LLMTraining

__all__ = ["LLMTraining"]
