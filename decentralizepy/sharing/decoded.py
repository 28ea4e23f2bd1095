"""What a receiver reads out of a message, as its sharing class decodes it."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from decentralizepy.message import Message
from decentralizepy.sharing.checks import reading

MODEL = "model"


class Decoded(NamedTuple):
    """A message as numbers.

    Attributes
    ----------
    vector : array of float32, shape (N,)
        A copy.
    sent : array of bool, shape (N,), or None
        Which entries were sent; None for all.
    kind : str
        ``model``, or the name of what was sent instead of one.
    """

    vector: npt.NDArray[np.float32]
    sent: npt.NDArray[np.bool_] | None
    kind: str


def decode(sharing: Any, uid: int, message: Message) -> Decoded:
    """Return the message of ``uid`` as ``sharing`` decodes it.

    A class that sends some of the entries of a model tells which with ``sent_entries``.
    One whose ``deserialized_model`` returns something else has it under another name; of
    several vectors, the first counts.

    Raises
    ------
    PeerError
        If the message is invalid.
    """
    flat, which = sharing.flat, getattr(sharing, "sent_entries", None)
    with reading(uid, message):
        state = sharing.deserialized_model(message)
        places = which(message) if which else None
    kind = MODEL if set(flat.names) <= set(state) else next(iter(state))
    vector = flat.flatten(state) if kind == MODEL else state[kind].float()
    sent = None
    if places is not None:
        sent = np.zeros(flat.size, dtype=bool)
        sent[places.numpy()] = True
    return Decoded(vector.detach().cpu().numpy().copy(), sent, kind)
