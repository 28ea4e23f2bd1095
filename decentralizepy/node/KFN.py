"""An overlay of the K peers whose labels differ most, found by gossip."""

from decentralizepy.node.KNN import KNN


class KFN(KNN):
    """Like KNN, but choose the farthest peers, which have labels that the node lacks."""

    def similarity(self, labels: list[int]) -> float:
        return -super().similarity(labels)


KFNNode = KFN  # the name that upstream's driver imports
