"""Base class for sharing a subset of the entries of a model."""

import json
from pathlib import Path
from typing import Any

import torch

from decentralizepy.errors import ConfigError, MessageError
from decentralizepy.files import write_atomic
from decentralizepy.message import Message
from decentralizepy.models.flat import to_tensor
from decentralizepy.sharing.checks import Fraction, array
from decentralizepy.sharing.Sharing import Sharing, State

Read = tuple[torch.Tensor | None, torch.Tensor]


class EntrySharing(Sharing):
    """Send some entries; entries not sent are taken from the receiver's model.

    ``x <- x + sum_j w_j (x_j - x)``, where ``x_j`` has the entries that j sent, and the
    receiver's own entries otherwise, so that only entries that were sent change. With
    doubly stochastic weights, the mean over nodes is preserved if all nodes send the same
    entries.

    A subclass defines by ``places`` which entries a message contains. It may define a
    linear ``transform`` and its ``inverse``: then models are averaged, and entries
    counted, in that basis. Below, N numbers of the model have M coefficients.

    Parameters
    ----------
    *parts
        The eight of :class:`~decentralizepy.sharing.Sharing.Sharing`.
    alpha : float, default 1.0
        Fraction of entries to send, in (0, 1].
    dict_ordered : bool, default True
        Accepted for compatibility with old configurations; must be True.
    save_shared : bool, default False
        Ranks 0 and 1 write which entries they send to
        ``shared_params/<rank>/<round>_shared_params.json`` in the log folder.
    **options
        compress, compression_package, compression_class, float_precision.

    Attributes
    ----------
    size : int
        M.
    model.shared_parameters_counter : torch.Tensor
        How often each of the M entries was chosen, int32.
    """

    checkpointed: tuple[str, ...] = ("counter",)

    def __init__(
        self,
        *parts: Any,
        alpha: Fraction = 1.0,
        dict_ordered: bool = True,
        save_shared: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(*parts, **options)
        check_ordered(dict_ordered)
        self.alpha, self.save_shared = alpha, save_shared
        self._seen = torch.empty(0)
        self.size = len(self.coefficients())
        self.counter = torch.zeros(self.size, dtype=torch.int32)
        self.model.shared_parameters_counter = self.counter

    @classmethod
    def prepare(cls, **options: Any) -> None:
        super().prepare(**options)
        check_ordered(options.get("dict_ordered", True))

    def transform(self, vector: torch.Tensor) -> torch.Tensor:
        """Return the coefficients, of shape (M,), of a vector of shape (N,)."""
        return vector

    def inverse(self, coefficients: torch.Tensor) -> torch.Tensor:
        """Invert ``transform``, returning a vector of shape (N,)."""
        return coefficients

    def places(self, data: Message) -> torch.Tensor | None:
        """Return the ascending indices of the entries in a decoded message; None for all.

        Raises
        ------
        MessageError
            If they are invalid.
        """
        raise NotImplementedError

    def coefficients(self) -> torch.Tensor:
        """Return the coefficients of the model, recomputed only if it has changed."""
        vector = self.flat.vector()
        if not torch.equal(vector, self._seen):
            self._seen = vector.clone()
            self._coefficients = self.transform(self._seen)
        return self._coefficients

    def deserialized_model(self, m: Message) -> State:
        """Return the sender's model, with this node's own entries where none were sent."""
        theirs = self.coefficients().clone()
        places, params = self._read(m, theirs.dtype)
        theirs[slice(None) if places is None else places] = params
        return self.flat.unflatten(self._vector(theirs))

    def sent_entries(self, m: Message) -> torch.Tensor | None:
        """Return which of the N numbers a message has; None for all, or for another basis."""
        if type(self).transform is not EntrySharing.transform:
            return None
        return self.places(self.decompress_data(m))

    def local(self) -> State:
        return {"": self.coefficients()}

    def adopt(self, averaged: State) -> None:
        self.flat.load(self.flat.unflatten(self._vector(averaged[""])))

    def pull(self, total: State, own: State, message: Message, weight: float) -> None:
        places, theirs = self._read_any(message, own[""].dtype)
        if places is None:
            total[""].add_(theirs - own[""], alpha=weight)
        else:
            difference = theirs - own[""].index_select(0, places)
            total[""].index_add_(0, places, difference, alpha=weight)

    def record(self) -> dict[str, Any]:
        """Return what is written to the files of shared entries besides the entries."""
        shapes = zip(self.flat.names, map(list, self.shapes), strict=True)
        return {"order": self.flat.names, "shapes": dict(shapes)}

    def count(self, places: torch.Tensor) -> None:
        """Count the entries sent in this round."""
        self.counter[places] += 1
        if self.save_shared and self.rank in (0, 1):
            content = {str(self.communication_round): places.tolist()}
            name = f"{self.communication_round + 1}_shared_params.json"
            self.write(self.folder("shared_params"), name, self.record() | content)

    def folder(self, name: str) -> Path:
        """Return this rank's subfolder of a folder in the log folder."""
        return Path(self.log_dir, name, str(self.rank))

    def write(self, folder: str | Path, name: str, content: dict[str, Any]) -> None:
        """Write a JSON file to ``folder``, which is created if necessary."""
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, json.dumps(content))

    def _vector(self, coefficients: torch.Tensor) -> torch.Tensor:
        # by the difference, so that rounding changes no entry that did not change
        moved = self.inverse(coefficients - self.coefficients())
        return self.flat.vector() + moved

    def _read(self, message: Message, dtype: torch.dtype) -> Read:
        """Return the indices of a message's entries (None for all) and their values."""
        data = self.decompress_data(message)
        places, params = self.places(data), to_tensor(array(data, "params"))
        size = self.size if places is None else len(places)
        if params.dtype != dtype or params.shape != (size,):
            raise MessageError(
                f"{tuple(params.shape)} values of {params.dtype} "
                f"for {size} entries of {dtype}"
            )
        return places, params

    def _read_any(self, message: Message, dtype: torch.dtype) -> Read:
        if type(self).deserialized_model is EntrySharing.deserialized_model:
            return self._read(message, dtype)
        state = self.deserialized_model(message)  # a subclass's own format
        return None, self.transform(self.flat.flatten(state))


def check_ordered(dict_ordered: bool) -> None:
    """Raise a ConfigError if ``dict_ordered`` is not True."""
    if not dict_ordered:
        raise ConfigError(
            section="SHARING",
            key="dict_ordered",
            value=dict_ordered,
            expected=(
                "true, since a model is always one vector in the order of its "
                "state_dict"
            ),
        )
