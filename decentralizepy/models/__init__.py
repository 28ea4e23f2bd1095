"""The networks that learn."""

from decentralizepy.models.Model import Model

__all__ = ["Model"]
