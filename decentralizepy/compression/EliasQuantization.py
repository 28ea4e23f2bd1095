"""Codec with Elias-gamma codes for indices and quantization for values."""

from decentralizepy.compression.Elias import Elias
from decentralizepy.compression.Quantization import Quantization


class EliasQuantization(Elias, Quantization):
    """Elias for indices and Quantization for values, with the latter's options."""
