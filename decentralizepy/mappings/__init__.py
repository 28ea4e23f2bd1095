"""Mappings from machines and ranks to uids, and back."""

from decentralizepy.mappings.Linear import Linear
from decentralizepy.mappings.Manual import Manual
from decentralizepy.mappings.Mapping import Mapping

__all__ = ["Linear", "Manual", "Mapping"]
