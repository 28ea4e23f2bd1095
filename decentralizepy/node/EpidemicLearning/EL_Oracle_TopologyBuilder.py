"""The service that draws the graphs of Epidemic Learning with an oracle."""

from decentralizepy.node.PeerSamplerDynamic import PeerSamplerDynamic


class EL_Oracle_TopologyBuilder(PeerSamplerDynamic):
    """The oracle: draws a graph of degree ``[NODE] graph_degree`` each round."""
