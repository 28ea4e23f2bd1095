"""How messages travel between nodes."""

from decentralizepy.communication.Communication import Communication

__all__ = ["Communication"]
