"""Epidemic Learning with an oracle: the service that draws the graphs."""

from decentralizepy.node.PeerSamplerDynamic import PeerSamplerDynamic


class EL_Oracle_TopologyBuilder(PeerSamplerDynamic):
    """The oracle: a fresh regular graph of degree ``[NODE] graph_degree`` each round."""
