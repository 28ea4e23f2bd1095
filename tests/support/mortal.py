"""Plug-ins that fail once, or record what they do; an INI file can name them."""

import json
from pathlib import Path

import torch

from decentralizepy.node.DPSGDNode import DPSGDNode
from decentralizepy.node.FederatedParameterServer import FederatedParameterServer
from decentralizepy.node.PeerSampler import PeerSampler
from decentralizepy.sharing.Sharing import Sharing
from tests.support.toy import Linear, Points, die

__all__ = ["Linear", "Mortal", "Weighing", "Wide"]


class Mortal(Points):
    """Points whose node ``who`` dies at the end of round ``when``, if ``marker`` exists.

    Round 0 is while it loads. The file is removed first, so that it dies only once.
    """

    def __init__(
        self,
        rank,
        machine_id,
        mapping,
        who: int = 2,
        when: int = 3,
        marker: str = "",
        how: str = "kill",
        **options,
    ):
        super().__init__(rank, machine_id, mapping, **options)
        self.who, self.when, self.marker, self.how = who, when, marker, how
        self.passes = 0
        if self.uid == self.who:
            self.die_if_due()

    def die_if_due(self):
        if self.passes == self.when and self.marker and Path(self.marker).exists():
            Path(self.marker).unlink()
            die(self.how)

    def get_trainset(self, batch_size=1, shuffle=False):
        if self.uid == self.who and not shuffle:  # the evaluation at the end of a round
            self.passes += 1
            self.die_if_due()
        return super().get_trainset(batch_size, shuffle)


class Weighing(Sharing):
    """Writes the weights that it averages with: a JSON line for each peer."""

    def edge_weight(self, uid, n_peers, message):
        weight = super().edge_weight(uid, n_peers, message)
        # a stand-in for a lost peer says what this node itself said
        line = [self.communication_round, self.uid, uid, weight]
        with Path(self.log_dir, "weights.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
        return weight


class Wide(Linear):
    """The toy's model with a layer more."""

    def __init__(self):
        super().__init__()
        self.more = torch.nn.Linear(2, 2)


class Fainting(DPSGDNode):
    """A node of which uid 2 dies when it has greeted its neighbors."""

    def wait_for_hello(self, neighbor):
        if self.uid == 2:
            die("kill")
        super().wait_for_hello(neighbor)


class MortalServer(FederatedParameterServer):
    """A parameter server that dies in its third round."""

    def get_working_nodes(self):
        if self.iteration == 2:
            die("kill")
        return super().get_working_nodes()


class MortalSampler(PeerSampler):
    """A peer sampler that dies when it is asked for neighbors in the third round."""

    def answer(self, sender, request):
        if request.get("iteration") == 2:
            die("kill")
        super().answer(sender, request)
