"""The client of sparse ternary compression."""

from decentralizepy.message import Message
from decentralizepy.models.flat import to_tensor
from decentralizepy.node.DPSGDNodeFederated import DPSGDNodeFederated


class STCClient(DPSGDNodeFederated):
    """Move the model as the server did, train from there, send the compressed change.

    Needs :class:`~decentralizepy.sharing.STC.STC`. Arguments as for
    :class:`~decentralizepy.node.DPSGDNodeFederated.DPSGDNodeFederated`.
    """

    update_channel = "WORKER_GRADIENTS"

    def load(self, request: Message) -> None:
        """Apply the server's updates that this client missed, or its whole model."""
        if "model" in request:
            self.sharing.synchronise(to_tensor(request["model"]))
        for update in request["updates"]:
            self.sharing.process_received(update)
        self.sharing.communication_round += 1
        if self.reset_optimizer:
            self.renew_optimizer()
