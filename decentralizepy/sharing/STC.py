"""Sparse ternary compression, for training with a parameter server."""

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
    """Send the k largest changes as ``+mu`` or ``-mu``, mu being their mean magnitude.

    Sattler, Wiedemann, Mueller and Samek, Robust and Communication-Efficient Federated
    Learning from Non-IID Data, 2019, algorithms 1 and 2. Both ways are compressed, and
    both ends keep what they left out as ``residual``:

    - a client trains from the ``synchronised`` model; ``get_data_to_send`` releases the
      largest part of change and residual, and sets its model back to the synchronised;
    - the server's ``_averaging_server`` adds the mean of what came to its residual, and
      ``server_broadcast`` releases the largest part of that and moves its model by it;
    - the client's ``process_received`` makes the same move, so that all synchronised
      models are equal to the bit.

    A message has ``params`` (uint8, 8 signs a byte), ``mu`` and ``indices`` (int32, or
    coded if ``compress``). Entries that are 0 are not sent. Whole numbers (BatchNorm's
    counter) stay each node's own.

    Parameters
    ----------
    *parts
        The eight of :class:`~decentralizepy.sharing.Sharing.Sharing`.
    alpha : float, default 1.0
        Share of entries to send, in (0, 1]; k = max(1, round(alpha N)).
    dict_ordered, change_transformer
        Taken for the sake of old configurations; only the defaults will do.
    compress, compression_package, compression_class, float_precision
        Default True, EliasFpzipLossy and 8. Only indices pass through the codec: there
        are no values left that could lose precision.
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
        """Return the largest part of the change, and go back to the synchronised model."""
        change = self.flatten(self.model.state_dict()) - self.synchronised
        change[self._whole] = 0
        self.residual += change
        self._restart()
        return self._release()

    def server_broadcast(self) -> Message:
        """Return the largest part of the mean change, and move the own model by it."""
        message = self._release()
        self.process_received(message)
        return {**message, "iteration": self.communication_round}

    def process_received(self, m: Message | None) -> None:
        """Move the synchronised model as the server did, and train from it; None: stay.

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
        """Take over the server's synchronised model, of shape (N,), and train from it."""
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
        """Take the largest part out of the residual; return the message that has it."""
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
        """Return the largest of what is left to send, without sign, and their places."""
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
        """Return the change that a message stands for, by name or of shape (N,)."""
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
        """Set the model to the synchronised one, but for whole numbers."""
        vector = self.synchronised.clone()
        vector[self._whole] = self.flat.vector()[self._whole]
        self.flat.load(self.unflatten(vector))
