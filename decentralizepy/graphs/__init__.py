"""Topologies and graph files."""

from decentralizepy.graphs.FullyConnected import FullyConnected
from decentralizepy.graphs.Graph import Graph
from decentralizepy.graphs.Regular import Regular
from decentralizepy.graphs.Ring import Ring
from decentralizepy.graphs.SmallWorld import SmallWorld
from decentralizepy.graphs.Star import Star

__all__ = ["FullyConnected", "Graph", "Regular", "Ring", "SmallWorld", "Star"]
