"""Sparse ternary compression, for federated learning with a parameter server."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from decentralizepy.config.order import in_order
from decentralizepy.errors import ConfigError, MessageError, PeerError
from decentralizepy.message import Message
from decentralizepy.sharing.checks import (
    Fraction,
    array,
    field,
    number,
    present,
)
from decentralizepy.sharing.Sharing import Queue, Sharing, State
from decentralizepy.sharing.sparse import count, largest, spread, whole_numbers
from decentralizepy.utils import identity

CODEC_PACKAGE = "decentralizepy.compression.EliasFpzipLossy"
CODEC_CLASS = "EliasFpzipLossy"


class STC(Sharing):
    """Send the k largest changes as ``+mu`` or ``-mu``, where mu is their mean magnitude.

    Sattler, Wiedemann, Mueller and Samek, Robust and Communication-Efficient Federated
    Learning from Non-IID Data, 2019, algorithms 1 and 2. Both directions are compressed,
    and both ends keep what they did not send as ``residual``:

    - A client trains from the ``synchronised`` model. ``get_data_to_send`` sends the
      largest entries of change plus residual, and resets the model to the synchronised.
    - The server's ``_averaging_server`` adds the mean of the updates to its residual;
      ``server_broadcast`` sends its largest entries, and applies them to its own model.
    - The client's ``process_received`` applies the same update, so that all synchronised
      models are bit-identical.

    A message has ``params`` (uint8, 8 signs per byte), ``mu`` and ``indices`` (int32, or
    encoded with ``compress``). Entries that are 0 are not sent. Integers (BatchNorm's
    counter) are not shared.

    Parameters
    ----------
    *parts
        The eight of :class:`~decentralizepy.sharing.Sharing.Sharing`.
    alpha : float, default 1.0
        Fraction of entries to send, in (0, 1]; k = max(1, round(alpha N)).
    dict_ordered : bool, default True
        Accepted for compatibility with old configurations; must be True.
    change_transformer : callable, default identity
        Accepted for compatibility with old scripts; must be the default.
    compress, compression_package, compression_class, float_precision
        As for :class:`~decentralizepy.sharing.Sharing.Sharing`. Only the indices are
        encoded, since there are no values that could lose precision.
    """

    checkpointed = ("synchronised", "residual")

    @in_order(
        8,
        "alpha dict_ordered change_transformer "
        "compress compression_package compression_class float_precision",
    )
    def __init__(
        self,
        *parts: Any,
        alpha: Fraction = 1.0,
        dict_ordered: bool = True,
        change_transformer: Callable[[Any], Any] = identity,
        compress: bool = True,
        compression_package: str | None = CODEC_PACKAGE,
        compression_class: str | None = CODEC_CLASS,
        float_precision: int | None = 8,
    ) -> None:
        codec: dict[str, Any] = {
            "compress": compress,
            "compression_package": compression_package,
            "compression_class": compression_class,
            "float_precision": float_precision,
        }
        super().__init__(*parts, **codec)
        if not dict_ordered or change_transformer is not identity:
            raise ConfigError(
                "STC takes only the defaults",
                section="SHARING",
                key="dict_ordered, change_transformer",
            )
        self.alpha = alpha
        self.k = count(alpha, self.flat.size)
        self.synchronised = self.flat.vector().clone()
        self.residual = torch.zeros(self.flat.size)
        self._whole = whole_numbers(self.flat)

    @classmethod
    def prepare(cls, **options: Any) -> None:
        codec = {
            "compression_package": CODEC_PACKAGE,
            "compression_class": CODEC_CLASS,
        }
        super().prepare(**{**codec, **options})

    def serialized_model(self) -> Message:
        """Return the largest changes, and reset the model to the synchronised one."""
        change = self.flatten(self.model.state_dict()) - self.synchronised
        change[self._whole] = 0
        self.residual += change
        self._restart()
        return self._release()

    def server_broadcast(self) -> Message:
        """Return the largest mean changes, and apply them to the server's model."""
        message = self._release()
        self.process_received(message)
        return {**message, "iteration": self.communication_round}

    def process_received(self, m: Message | None) -> None:
        """Apply the server's update (None: no update), and train from the result.

        Raises
        ------
        PeerError
            If ``m`` does not fit the model.
        """
        if m is None:
            return
        try:
            self.synchronised += self.deserialized_model(m, return_flat_tensor=True)
        except MessageError as error:
            raise PeerError(
                f"the server sent an update of round {m.get('iteration')} "
                f"that does not fit this node's model: {error}"
            ) from error
        self._restart()

    def synchronise(self, vector: torch.Tensor) -> None:
        """Replace the synchronised model by the server's, of shape (N,)."""
        self.synchronised = vector.clone()
        self._restart()

    def local(self) -> State:
        return {"residual": self.residual}

    def pull(self, total: State, own: State, message: Message, weight: float) -> None:
        update = self.deserialized_model(message, return_flat_tensor=True)
        total["residual"].add_(update, alpha=weight)

    def adopt(self, averaged: State) -> None:
        self.residual = averaged["residual"]

    def _averaging(self, peer_deques: Mapping[int, Queue]) -> None:
        raise ConfigError(
            "needs a parameter server (STCServer, STCClient); among peers take "
            "Choco or SignError",
            section="SHARING",
            key="sharing_class",
            value="STC",
        )

    def _release(self) -> Message:
        """Remove the largest entries from the residual; return a message with them."""
        _, places = self.extract_top_gradients()
        indices = np.sort(places.numpy()).astype(np.int32)
        chosen = self.residual.numpy()[indices]
        message = self.compress_data(
            {
                "params": np.packbits(chosen > 0),
                "indices": indices,
                "mu": float(np.abs(chosen).sum() / max(1, chosen.size)),
            }
        )
        self.residual -= self.deserialized_model(message, return_flat_tensor=True)
        return message

    def extract_top_gradients(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the largest absolute values of the residual, and their indices."""
        residual = self.residual.numpy()
        k = min(self.k, int(np.count_nonzero(residual)))
        places = torch.from_numpy(largest(residual, k))
        return self.residual[places].abs(), places

    def compress_data(self, data: Message) -> Message:
        """Encode ``indices``, if ``compress``."""
        if self.compress:
            data["indices"] = self.compressor.compress(data["indices"])
        return data

    def decompress_data(self, data: Message) -> Message:
        """Return ``data`` with ``indices`` decoded."""
        indices = present(data, "indices")
        if self.compress:
            indices = self.compressor.decompress(indices)
        return {**data, "indices": array({"indices": indices}, "indices")}

    def deserialized_model(self, m: Message, return_flat_tensor: bool = False) -> Any:
        """Return the change in a message, by name or of shape (N,)."""
        data = self.decompress_data(m)
        indices = data["indices"]
        signs = field(data, "params", np.uint8, -(-len(indices) // 8))
        mu = np.float32(number(data, "mu"))
        values = np.where(np.unpackbits(signs, count=len(indices)), mu, -mu)
        change = torch.from_numpy(spread(indices, values, self.flat.size))
        return change if return_flat_tensor else self.unflatten(change)

    def flatten(self, m: State) -> torch.Tensor:
        """Return a ``state_dict`` as one float32 vector, of shape (N,)."""
        return torch.cat([part.detach().cpu().float().flatten() for part in m.values()])

    def unflatten(self, m: torch.Tensor) -> State:
        """Return views of a vector, of shape (N,), by name."""
        return self.flat.unflatten(m)

    def _restart(self) -> None:
        """Reset the model to the synchronised one, except for integers."""
        vector = self.synchronised.clone()
        vector[self._whole] = self.flat.vector()[self._whole]
        self.flat.load(self.unflatten(vector))
