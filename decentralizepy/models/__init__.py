"""The networks of the data sets, and the base class of models."""

from decentralizepy.models.Model import Model

__all__ = ["Model"]
