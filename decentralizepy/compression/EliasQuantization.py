"""Indices in Elias-gamma codes, values quantised."""

from decentralizepy.compression.Elias import Elias
from decentralizepy.compression.Quantization import Quantization


class EliasQuantization(Elias, Quantization):
    """Elias for indices, Quantization for values, with the options of the latter."""
