"""Muffliato, which hides each node's update in noise that averaging reduces."""

import math
from collections.abc import Mapping
from typing import Annotated, Any

import torch
from pydantic import Field

from decentralizepy.privacy.network import epsilon, spent
from decentralizepy.sharing.noisy import NoisySharing
from decentralizepy.sharing.prepared import PreparedSharing
from decentralizepy.sharing.Sharing import Queue

Positive = Annotated[float, Field(gt=0)]


class Muffliato(NoisySharing, PreparedSharing):
    """Add noise to each update of the model once, then average several times.

    ``x <- W^k (x + clip(d) + noise_std * z)``, where d is the change of the model from a
    round's training, ``clip`` scales a longer one down to ``max_update_norm``, z is
    standard normal, and each of the k = ``gossip_steps`` products is a round. Cyffers,
    Even, Bellet and Massoulié, Muffliato: Peer-to-Peer Privacy Amplification for
    Decentralized Optimization and Averaging, NeurIPS 2022, algorithms 1 and 3, without
    Chebyshev's acceleration; there, noise is added to the gradient.

    Whatever training changes in the other k - 1 rounds is undone, since it would leave the
    node without noise. The whole update counts, entries that no optimizer updates
    (BatchNorm's statistics) included.

    With clipping and noise, results have ``local_epsilon`` and, if ``gossip_steps = 1``
    and nodes average along the graph, ``network_epsilon``
    (:func:`decentralizepy.privacy.network.spent`), for replacing all data of one node: an
    update then changes by at most ``2 max_update_norm``.

    Parameters
    ----------
    *parts
        The eight of :class:`~decentralizepy.sharing.Sharing.Sharing`.
    max_update_norm : float, optional
        Longer updates are clipped to this 2-norm; by default none is, and there is no
        epsilon.
    gossip_steps : int, default 1
        How often an update is averaged, once per round.
    delta : float, default 1e-5
        The delta of the epsilon in the results.
    **options
        As for :class:`~decentralizepy.sharing.noisy.NoisySharing`.

    Attributes
    ----------
    x : torch.Tensor, shape (N,)
        The model after the last average.
    along_graph : bool
        Whether the node has always averaged with its neighbors in the graph, all of them.
    """

    checkpointed = ("along_graph",)

    def __init__(
        self,
        *parts: Any,
        max_update_norm: Positive | None = None,
        gossip_steps: Annotated[int, Field(ge=1)] = 1,
        delta: Annotated[float, Field(gt=0, lt=1)] = 1e-5,
        **options: Any,
    ) -> None:
        super().__init__(*parts, **options)
        self.max_update_norm, self.gossip_steps = max_update_norm, gossip_steps
        self.delta = delta
        self.along_graph = True

    def _pre_step(self) -> None:
        self.sent = self.x
        if self.communication_round % self.gossip_steps == 0:
            self.sent = self._clipped(self.flat.vector().clone())
            if self.noise_std:
                self.sent = self.sent + self.noise_std * self.draw(1)[0]

    def _clipped(self, after: torch.Tensor) -> torch.Tensor:
        """Return x plus the update to ``after``, no longer than ``max_update_norm``."""
        update = after - self.x
        length = float(update.double().norm())
        if self.max_update_norm is None or length <= self.max_update_norm:
            return after
        return self.x + update * (self.max_update_norm / length)

    def _averaging(self, peer_deques: Mapping[int, Queue]) -> None:
        self.along_graph &= peer_deques.keys() == self.graph.neighbors(self.uid)
        super()._averaging(peer_deques)

    def privacy_spent(self) -> dict[str, float]:
        """Return the epsilons so far, for the results; none without clipping or noise."""
        if not (self.max_update_norm and self.noise_std):
            return {}
        updates = math.ceil(self.communication_round / self.gossip_steps)
        bound = 2 * self.max_update_norm, self.noise_std, self.delta
        if self.gossip_steps > 1 or not self.along_graph:
            return {"local_epsilon": epsilon(updates, *bound)}
        return spent(self.graph, self.uid, updates, *bound)
