"""Zip-DL, whose noise cancels in the mean over nodes."""

from collections.abc import Iterable
from typing import Any

import torch

from decentralizepy.message import Message
from decentralizepy.sharing.noisy import NoisySharing, zero_sum
from decentralizepy.sharing.receivers import weight_at
from decentralizepy.sharing.Sharing import State, frozen


class ZipDL(NoisySharing):
    """Send each neighbor the model with other noise; what a node sends cancels.

    Node i sends ``x_i + z_ij`` to neighbor j, where ``sum_j w_ji z_ij = 0`` with the
    weights ``w_ji`` that the neighbors average with: if they are equal, the noises sum to
    0. A neighbor sees a noisy model, but where models are averaged along an undirected
    graph, the mean over nodes is kept. Biswas, Frey, Gaudel, Kermarrec, Lerévérend, Pires,
    Sharma and Taïani, Low-Cost Privacy-Preserving Decentralized Learning, PoPETs 2025
    (Zip-DL). Here, independent Gaussian noise is projected on the vectors whose weighted
    sum is 0. Neighbors that pool what they receive can cancel it, too.

    A node with a single receiver has nothing to cancel against: without ``self_noise``, it
    sends its model as it is.

    Parameters
    ----------
    *parts
        The eight of :class:`~decentralizepy.sharing.Sharing.Sharing`.
    self_noise : bool, default False
        Whether the node's own model also gets noise before it is averaged, as one more
        receiver.
    **options
        As for :class:`~decentralizepy.sharing.noisy.NoisySharing`.
    """

    def __init__(self, *parts: Any, self_noise: bool = False, **options: Any) -> None:
        super().__init__(*parts, **options)
        self.self_noise = self_noise
        self.own, self.kept = self.flat.vector(), torch.zeros(())

    def _pre_step(self) -> None:
        self.own, self.kept = self.flat.vector().clone(), torch.zeros(())

    def send(self, receivers: Iterable[int], message: Message) -> None:
        """Send each of ``receivers`` the model with noise of its own."""
        if not self.noise_std:
            super().send(receivers, message)
            return
        uids = [*receivers]
        degree = message.get("degree", len(uids))
        weights = [weight_at(self, (self.uid, uid), degree) for uid in uids]
        if self.self_noise:
            weights.append(1 - sum(weights))
        noise = zero_sum(self.noise_std * self.draw(len(weights)), weights)
        for uid, row in zip(uids, noise, strict=False):
            coded = self.compress_data({"params": frozen(self.own + row)})
            self.communication.send(uid, {**message, **coded})
        if self.self_noise:
            self.kept = noise[-1]

    def local(self) -> State:
        if not self.kept.ndim:
            return super().local()
        return self.flat.unflatten(self.flat.vector() + self.kept)
