"""What nodes send to each other, and how they average it."""

from decentralizepy.sharing.PlainAverageSharing import PlainAverageSharing
from decentralizepy.sharing.Sharing import Sharing

__all__ = ["PlainAverageSharing", "Sharing"]
