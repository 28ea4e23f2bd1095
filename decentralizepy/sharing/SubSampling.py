"""Sharing of a random part of the model, identified by a seed."""

from typing import Any

import torch

from decentralizepy.config.order import in_order
from decentralizepy.message import Message
from decentralizepy.randomness import Purpose, derive_seed, seed_of
from decentralizepy.sharing.checks import number, whole_number
from decentralizepy.sharing.entries import EntrySharing
from decentralizepy.sharing.Sharing import frozen


class SubSampling(EntrySharing):
    """Send each entry with probability alpha, and the seed of the mask.

    Random masks (Konecny, McMahan, Yu, Richtarik, Suresh and Bacon, Federated Learning:
    Strategies for Improving Communication Efficiency, 2016, section 2) of models. In
    round t, the seed is s + t, where s is derived from the seed of the run and the uid.
    Entries that a peer does not send are taken from the receiver's model: see
    :class:`~decentralizepy.sharing.entries.EntrySharing`. The mean over nodes is only
    preserved in expectation.

    A message has ``params``, ``seed`` and ``alpha``; one with the whole model has only
    ``params``. All nodes need the same version of torch, so that their masks are equal.

    Parameters
    ----------
    *parts
        The eight of :class:`~decentralizepy.sharing.Sharing.Sharing`.
    alpha : float, default 1.0
        Probability of sending an entry, in (0, 1].
    dict_ordered : bool, default True
        Accepted for compatibility with old configurations; must be True.
    save_shared : bool, default False
        As for :class:`~decentralizepy.sharing.entries.EntrySharing`.
    metadata_cap : float, default 1.0
        From this alpha on, the whole model is sent.
    pickle : bool, default True
        Accepted for compatibility with old configurations; has no effect.
    layerwise : bool, default False
        Draw tensor by tensor, which gives different masks. Must be equal on all nodes.
    compress, compression_package, compression_class, float_precision
        As for :class:`~decentralizepy.sharing.Sharing.Sharing`.
    """

    @in_order(
        8,
        "alpha dict_ordered save_shared metadata_cap pickle layerwise "
        "compress compression_package compression_class float_precision",
    )
    def __init__(
        self,
        *parts: Any,
        metadata_cap: float = 1.0,
        pickle: bool = True,
        layerwise: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(*parts, **options)
        self.metadata_cap, self.layerwise = metadata_cap, layerwise
        self.seed = derive_seed(Purpose.MASKS, seed_of(self.dataset), self.uid)

    def serialized_model(self) -> Message:
        """Return the drawn entries; all of them if alpha reaches ``metadata_cap``."""
        if self.alpha >= self.metadata_cap:
            return super().serialized_model()
        params, seed, alpha = self.apply_subsampling()
        data = self.compress_data({"params": frozen(params)})
        return {"seed": seed, "alpha": alpha, **data}

    def apply_subsampling(self) -> tuple[torch.Tensor, int, float]:
        """Draw this round's entries; return them, their seed and their probability."""
        seed = self.seed + self.communication_round
        places = self.draw(seed, self.alpha)
        self.count(places)
        return self.flat.vector()[places], seed, self.alpha

    def places(self, data: Message) -> torch.Tensor | None:
        if "seed" not in data:
            return None
        return self.draw(whole_number(data, "seed"), number(data, "alpha"))

    def draw(self, seed: int, alpha: float) -> torch.Tensor:
        """Return the sorted indices of the entries selected by a seed."""
        generator = torch.Generator().manual_seed(seed)
        sizes = self.lens if self.layerwise else [self.flat.size]
        chances = torch.cat([torch.rand(size, generator=generator) for size in sizes])
        return torch.nonzero(chances <= alpha).squeeze(1)
