"""The client of sparse ternary compression."""

import numpy as np

from decentralizepy.errors import PeerError
from decentralizepy.message import Message
from decentralizepy.models.flat import to_tensor
from decentralizepy.node.DPSGDNodeFederated import DPSGDNodeFederated
from decentralizepy.node.scripts import alias


class STCClient(DPSGDNodeFederated):
    """Apply the server's updates to the model, train it, send the compressed change.

    Needs :class:`~decentralizepy.sharing.STC.STC`. Arguments as for
    :class:`~decentralizepy.node.DPSGDNodeFederated.DPSGDNodeFederated`.
    """

    keywords = ("server_uid",)
    server_uid = alias("service_uid")
    update_channel = "WORKER_GRADIENTS"

    def load(self, request: Message) -> None:
        """Apply the updates that this client missed, or load the server's full model."""
        self.check_request(request)
        if request.get("model") is not None:
            self.sharing.synchronise(to_tensor(request["model"]))
        for update in request["updates"]:
            self.sharing.process_received(update)
        self.sharing._post_step()
        self.sharing.communication_round = request["iteration"] + 1
        if self.reset_optimizer:
            self.renew_optimizer()

    def check_request(self, request: Message) -> None:
        """Raise PeerError unless the request has a list of updates, or a full model."""
        updates, model = request.get("updates"), request.get("model")
        fits = isinstance(updates, list) and all(isinstance(u, dict) for u in updates)
        if model is not None:
            array = isinstance(model, np.ndarray) and model.dtype == np.float32
            fits = fits and array and model.shape == (self.sharing.flat.size,)
        if not fits:
            raise PeerError(
                f"uid {self.service_uid} sent a request that does not fit this node's "
                "model"
            )
