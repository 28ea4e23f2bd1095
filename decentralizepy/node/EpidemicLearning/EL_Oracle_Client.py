"""Epidemic Learning with an oracle: the learner."""

from decentralizepy.node.DPSGDWithPeerSampler import DPSGDWithPeerSampler


class EL_Oracle_Client(DPSGDWithPeerSampler):
    """A node whose neighbors are those of a random regular graph, anew in each round.

    de Vos et al., Epidemic Learning, NeurIPS 2023, arXiv:2310.01972, EL-Oracle.
    """
