"""Transports for messages between nodes."""

from decentralizepy.communication.Communication import Communication

__all__ = ["Communication"]
