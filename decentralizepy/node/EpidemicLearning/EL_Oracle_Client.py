"""The learner of Epidemic Learning with an oracle."""

from decentralizepy.node.DPSGDWithPeerSampler import DPSGDWithPeerSampler


class EL_Oracle_Client(DPSGDWithPeerSampler):
    """A node whose neighbors come from a new random regular graph in each round.

    de Vos et al., Epidemic Learning, NeurIPS 2023, arXiv:2310.01972, EL-Oracle.
    """
