"""Decentralized parallel stochastic gradient descent, in lock-step on a fixed graph."""

from decentralizepy.node.LiveNode import LiveNode


class DPSGDNode(LiveNode):
    """Each round, average with the neighbors of the graph, and wait for all of them.

    Lian et al., Can Decentralized Algorithms Outperform Centralized Algorithms?, NeurIPS
    2017, algorithm 1. Arguments as for :class:`~decentralizepy.node.LiveNode.LiveNode`.
    """
