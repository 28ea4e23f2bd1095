"""Nodes with different initial models, so that agreement cannot be accidental."""

import torch

from decentralizepy.node.DPSGDNode import DPSGDNode

STILL = {"OPTIMIZER_PARAMS": {"lr": 0.0}}
"""Sections for a run in which training moves nothing."""


class Apart(DPSGDNode):
    """A node all of whose numbers start as its uid."""

    def init_sharing(self, sharing_configs):
        with torch.no_grad():
            for tensor in self.model.parameters():
                tensor.fill_(self.uid)
        super().init_sharing(sharing_configs)


def models(nodes):
    """Return the models of a run, of shape (nodes, N)."""
    return torch.stack([node.sharing.flat.vector() for node in nodes.values()])
