"""Sharing of the parameters that changed most (top-k)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from decentralizepy.config.order import in_order
from decentralizepy.errors import MessageError
from decentralizepy.message import Message
from decentralizepy.models.flat import to_tensor
from decentralizepy.sharing.checks import array
from decentralizepy.sharing.entries import EntrySharing
from decentralizepy.sharing.Sharing import frozen
from decentralizepy.sharing.sparse import largest
from decentralizepy.utils import identity

Entries = tuple[torch.Tensor, torch.Tensor]


class PartialModel(EntrySharing):
    """Send the values of the entries that changed most since the last average.

    Top-k sparsification (Alistarh, Hoefler, Johansson, Konstantinov, Khirirat and
    Renggli, The Convergence of Sparsified Gradient Methods, 2018), applied to models:
    entries are selected by change, but their values are sent. Entries that a peer does
    not send are taken from the receiver's model: see
    :class:`~decentralizepy.sharing.entries.EntrySharing`. The mean over nodes is not
    preserved. Nodes that stop training reach consensus only if they started equal and
    also accumulate changes from averaging; otherwise an entry that differs may never be
    sent again.

    A message has ``params``, ``indices`` (int32, ascending), ``alpha`` and
    ``send_partial``; one with the whole model has only ``params``.

    Parameters
    ----------
    *parts
        The eight of :class:`~decentralizepy.sharing.Sharing.Sharing`.
    alpha : float, default 1.0
        Fraction of entries to send, in (0, 1]; k = round(alpha M).
    dict_ordered : bool, default True
        Accepted for compatibility with old configurations; must be True.
    save_shared : bool, default False
        As for :class:`~decentralizepy.sharing.entries.EntrySharing`.
    metadata_cap : float, default 1.0
        From this alpha on, the whole model is sent, without indices.
    accumulation : bool, default False
        Select by the change since an entry was last sent instead of in this round.
    save_accumulated : bool, default False
        Write the scores that entries are selected by to
        ``model_change/<rank>/<round>.json`` in the log folder.
    change_transformer : callable, default identity
        A linear function of the change, (M,) to (M,), whose result is the score.
    accumulate_averaging_changes : bool, default False
        With ``accumulation``, also count changes from averaging.
    compress, compression_package, compression_class, float_precision
        As for :class:`~decentralizepy.sharing.Sharing.Sharing`.

    Attributes
    ----------
    model.model_change, model.accumulated_changes : torch.Tensor
        This round's scores and, with ``accumulation``, the changes they are based on.
    """

    checkpointed: tuple[str, ...] = ("_before", "accumulated")

    @in_order(
        8,
        "alpha dict_ordered save_shared metadata_cap accumulation save_accumulated "
        "change_transformer accumulate_averaging_changes "
        "compress compression_package compression_class float_precision",
    )
    def __init__(
        self,
        *parts: Any,
        metadata_cap: float = 1.0,
        accumulation: bool = False,
        save_accumulated: bool | str = "",
        change_transformer: Callable[[Any], Any] = identity,
        accumulate_averaging_changes: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(*parts, **options)
        self.metadata_cap = metadata_cap
        self.save_accumulated = bool(save_accumulated)
        self.accumulation = accumulation
        self.accumulate_averaging_changes = accumulate_averaging_changes
        self.change_transformer = change_transformer
        self._before = self.coefficients()
        self.scores = self._change()
        self.accumulated: torch.Tensor | None = None
        if accumulation:
            self.accumulated = torch.zeros_like(self.scores)
            self.model.accumulated_changes = self.accumulated

    def choose(self, scores: torch.Tensor) -> npt.NDArray[np.int32]:
        """Return the sorted indices of the k largest ``|scores|``; ties go to the first."""
        return largest(scores.numpy(), round(self.alpha * len(scores)))

    def extract_top_gradients(self) -> Entries:
        """Return the absolute scores (k,) and indices (k,) of the selected entries.

        ``mean`` and ``std`` are set to those of all absolute scores.
        """
        sizes = self.scores.abs()
        std, mean = torch.std_mean(sizes, unbiased=False)
        self.std, self.mean = std.item(), mean.item()
        places = torch.from_numpy(self.choose(self.scores))
        return sizes[places], places

    def select(self) -> Entries:
        """Return the coefficients (k,) to send, and their indices (k,)."""
        _, places = self.extract_top_gradients()
        return self.coefficients()[places], places

    def serialized_model(self) -> Message:
        """Return the selected entries; all of them if alpha reaches ``metadata_cap``."""
        own = self.coefficients()
        if self.alpha >= self.metadata_cap:
            self._forget(slice(None))
            return self.compress_data({"params": frozen(own)})
        params, places = in_rising_order(*self.select())
        self.count(places)
        self._forget(places)
        indices = places.numpy().astype(np.int32)
        data = self.compress_data({"indices": indices, "params": frozen(params)})
        return {"alpha": self.alpha, **data, "send_partial": True}

    def places(self, data: Message) -> torch.Tensor | None:
        if "indices" not in data:
            return None
        indices = array(data, "indices")
        if indices.dtype not in (np.int32, np.int64) or indices.ndim != 1:
            raise MessageError(f"indices of {indices.dtype}, shape {indices.shape}")
        rise = (indices[1:] > indices[:-1]).all()
        if indices.size and not (rise and indices[0] >= 0 and indices[-1] < self.size):
            raise MessageError(f"indices not ascending within 0 to {self.size - 1}")
        return to_tensor(indices)

    def _pre_step(self) -> None:
        self.scores = self._change()
        if self.accumulated is not None:
            self.scores = self.scores + self.accumulated
            if not self.accumulate_averaging_changes:
                self.accumulated.copy_(self.scores)
        self.model.model_change = self.scores
        if self.save_accumulated:
            self.save_change()

    def _post_step(self) -> None:
        if self.accumulated is not None and self.accumulate_averaging_changes:
            self.accumulated += self._change()
        self._before = self.coefficients()

    def _change(self) -> torch.Tensor:
        """Return how the model changed since the last average."""
        change: torch.Tensor = self.change_transformer(
            self.coefficients() - self._before
        )
        return change

    def _forget(self, places: torch.Tensor | slice) -> None:
        if self.accumulated is not None:
            self.accumulated[places] = 0

    def save_change(self) -> None:
        """Write the scores, together with the names and shapes of the tensors."""
        self.save_vector(self.scores, self.folder("model_change"))
        self.save_vector(self.coefficients(), self.folder("model_val"))

    def save_vector(self, v: torch.Tensor, s: str | Path) -> None:
        """Write this round's vector ``v`` as JSON to the folder ``s``."""
        numbers = torch.view_as_real(v) if v.is_complex() else v
        content = self.record() | {"tensor": numbers.tolist()}
        self.write(s, f"{self.communication_round + 1}.json", content)


def in_rising_order(params: torch.Tensor, places: torch.Tensor) -> Entries:
    """Return entries sorted by index, since a subclass may select them in any order."""
    if (places[1:] > places[:-1]).all():
        return params, places
    order = torch.argsort(places)
    return params[order], places[order]
