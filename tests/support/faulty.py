"""Plug-ins with one bug each, for INI files to name: ``where`` is the method."""

import torch

from decentralizepy.compression.Compression import Compression
from decentralizepy.node.DPSGDNode import DPSGDNode
from decentralizepy.node.PeerSampler import PeerSampler
from decentralizepy.sharing.Sharing import Sharing
from decentralizepy.training.Training import Training
from tests.support.toy import Linear, Points

__all__ = ["Linear"]
NOTHING = {}


class FaultySharing(Sharing):
    """Fails at uid 1 in round 2, or while it is built."""

    def __init__(self, *parts, where: str = "", **options):
        super().__init__(*parts, **options)
        self.where = where
        if where == "constructor":
            NOTHING["constructor"]

    def fail(self, where):
        if (self.where, self.uid, self.communication_round) == (where, 1, 1):
            self.model.no_such_attribute()

    def serialized_model(self):
        self.fail("serialized_model")
        return super().serialized_model()

    def deserialized_model(self, m):
        self.fail("deserialized_model")
        return super().deserialized_model(m)

    def weight(self, n_peers, message):
        self.fail("weight")
        return super().weight(n_peers, message)

    def _averaging(self, peer_deques):
        self.fail("_averaging")
        super()._averaging(peer_deques)
        if (self.where, self.uid) == ("poison", 1):
            self.model.fc.bias.data.fill_(torch.nan)


class Misnaming(Sharing):
    """Decodes to names that no model has."""

    def deserialized_model(self, m):
        return {"weights": torch.zeros(1)}


class FaultyCodec(Compression):
    def decompress_float(self, encoded):
        return encoded["values"]


class FaultyTraining(Training):
    def train(self, dataset):
        raise TypeError("the training broke")


class FaultyPoints(Points):
    """Points that cannot be tested, or not even be built."""

    def __init__(self, rank, machine_id, mapping, where: str = "", **options):
        super().__init__(rank, machine_id, mapping, **options)
        if where == "constructor":
            NOTHING["dataset"]

    def test(self, model, loss):
        return NOTHING["accuracy"]


class FaultyLoss(torch.nn.CrossEntropyLoss):
    def forward(self, output, target):
        raise ValueError("the loss broke")


class FaultyNode(DPSGDNode):
    def get_neighbors(self):
        return NOTHING["neighbors"]


class FaultySampler(PeerSampler):
    def get_neighbors(self, node, iteration=None):
        return NOTHING["neighbors"]
