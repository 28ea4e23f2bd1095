"""Sharing of a random part of the model, the same on all nodes."""

from typing import Any

import numpy as np
import torch

from decentralizepy.message import Message
from decentralizepy.randomness import Purpose, seed_of, stream
from decentralizepy.sharing.checks import whole_number
from decentralizepy.sharing.entries import EntrySharing
from decentralizepy.sharing.Sharing import frozen


class RandomK(EntrySharing):
    """Send k random entries, the same on all nodes, so that no indices are needed.

    The random sparsification of Koloskova, Stich and Jaggi (Decentralized Stochastic
    Optimization and Gossip Algorithms with Compressed Communication, 2019, section 3)
    with shared randomness: the entries are drawn by a generator derived from the seed of
    the run and the round. Since all nodes average the same entries, a round is full
    sharing restricted to them: the mean over nodes is preserved, and the rate of
    consensus is proportional to alpha.

    A message has ``params``, of shape (k,), and the ``round`` for which it was drawn.

    Parameters
    ----------
    *parts
        The eight of :class:`~decentralizepy.sharing.Sharing.Sharing`.
    alpha : float, default 1.0
        Fraction of entries to send, in (0, 1]; k = round(alpha N).
    seed : int, optional
        The same for all nodes; by default the seed of the run.
    save_shared : bool, default False
        As for :class:`~decentralizepy.sharing.entries.EntrySharing`.
    compress, compression_package, compression_class, float_precision
        As for :class:`~decentralizepy.sharing.Sharing.Sharing`.
    """

    def __init__(self, *parts: Any, seed: int | None = None, **options: Any) -> None:
        super().__init__(*parts, **options)
        self.k = round(self.alpha * self.flat.size)
        self.seed = seed_of(self.dataset) if seed is None else seed
        self._drawn = (-1, torch.empty(0))

    def serialized_model(self) -> Message:
        """Return the entries of this round."""
        places = self.draw(self.communication_round)
        self.count(places)
        data = self.compress_data({"params": frozen(self.flat.vector()[places])})
        return {**data, "round": self.communication_round}

    def places(self, data: Message) -> torch.Tensor:
        return self.draw(whole_number(data, "round"))

    def draw(self, number: int) -> torch.Tensor:
        """Return the sorted indices of the entries of a round, counted from 0."""
        if self._drawn[0] != number:
            generator = stream(Purpose.ENTRIES, self.seed, round=number)
            places = generator.permutation(self.flat.size)[: self.k]
            self._drawn = (number, torch.from_numpy(np.sort(places)))
        return self._drawn[1]
