"""What nodes send each other, and how they average what they get."""

from decentralizepy.sharing.PlainAverageSharing import PlainAverageSharing
from decentralizepy.sharing.Sharing import Sharing

__all__ = ["PlainAverageSharing", "Sharing"]
