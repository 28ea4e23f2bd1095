"""The messages that nodes exchange, one TypedDict per channel, and their validation."""

from collections.abc import Mapping
from typing import Any, TypedDict, get_type_hints

import numpy as np

from decentralizepy.errors import MessageError

Message = dict[str, Any]
"""A message is a dict with the key ``CHANNEL``; custom nodes may define more channels."""


Label = tuple[str, int]
"""The channel and the round of a message, which tell it apart from others on its link."""


def label_of(message: Any) -> Label | None:
    """Return the label of a message; None if it takes no virtual time.

    Greetings and goodbyes take none, nor does a request to a peer sampler.
    """
    if not isinstance(message, Mapping) or message.get("CHANNEL") == "SERVER_REQUEST":
        return None
    number = message.get("iteration")
    return None if number is None else (str(message.get("CHANNEL")), number)


class Outgoing(np.ndarray[Any, np.dtype[Any]]):
    """An array that is owned by the message that contains it.

    Sending it makes it read-only instead of copying it. Views of it, and results computed
    from it, are ordinary arrays.
    """

    given = False


def outgoing(array: "np.ndarray[Any, np.dtype[Any]]") -> Outgoing:
    """Transfer ``array``, to which there must be no other reference, to a message."""
    own = array.view(Outgoing)
    own.given = True
    return own


class Hello(TypedDict):
    """``CONNECT``: the start barrier, in both directions."""

    HELLO: int


class Bye(TypedDict):
    """``DISCONNECT``: the end barrier, in both directions, and the last message of a service."""

    BYE: int


class Rounds(TypedDict):
    """``ROUNDS``: after the start barrier, which checkpoints each machine has."""

    ROUNDS: dict  # type: ignore[type-arg]
    EXCHANGE: int


class Ended(TypedDict):
    """``LAUNCHER``: between launchers, how the nodes of a machine ended."""

    STATUS: int
    CAUSE: str
    LOST: list  # type: ignore[type-arg]
    FINAL: bool


class Checkpoint(TypedDict):
    """``CHECKPOINT``: between launchers, to agree on a round with a checkpoint of all."""

    STEP: str
    ROUND: int


class Shared(TypedDict):
    """``SHARED``: a launcher asks machine 0 whether they share its folders."""

    TOKEN: str


class Wanted(TypedDict):
    """``WANTED``: the answer, which folders they do not share."""

    FOLDERS: list  # type: ignore[type-arg]


class FilePiece(TypedDict):
    """``FILE``: a part of a file in one of these folders; ``GATHERED`` follows the last."""

    FOLDER: str
    NAME: str
    OFFSET: int
    DATA: np.ndarray
    LAST: bool
    GROWS: bool


class Question(TypedDict):
    """``SERVER_REQUEST``: a node asks the sampler for its neighbors."""

    REQUEST_NEIGHBORS: int
    iteration: int


class Peers(TypedDict):
    """``PEERS``: the sampler's answer."""

    NEIGHBORS: set  # type: ignore[type-arg]


class Measured(TypedDict):
    """``TARGET``: the sum of a measurement over some nodes, on the way to the mean."""

    SUM: float
    NODES: int
    iteration: int


class Token(TypedDict):
    """``TOKEN``: a model that the receiver takes over."""

    iteration: int


class Model(TypedDict):
    """``DPSGD``: what a sharing algorithm sends, usually with ``params`` and ``degree``.

    Also ``WORKER_REQUEST`` and ``WORKER_GRADIENTS``, from and to a parameter server.
    """

    iteration: int


CHANNELS: dict[str, dict[str, type]] = {
    "CONNECT": get_type_hints(Hello),
    "DISCONNECT": get_type_hints(Bye),
    "ROUNDS": get_type_hints(Rounds),
    "LAUNCHER": get_type_hints(Ended),
    "TARGET": get_type_hints(Measured),
    "CHECKPOINT": get_type_hints(Checkpoint),
    "SHARED": get_type_hints(Shared),
    "WANTED": get_type_hints(Wanted),
    "FILE": get_type_hints(FilePiece),
    "DPSGD": get_type_hints(Model),
    "TOKEN": get_type_hints(Token),
    "WORKER_REQUEST": get_type_hints(Model),
    "WORKER_GRADIENTS": get_type_hints(Model),
    "SERVER_REQUEST": get_type_hints(Question),
    "PEERS": get_type_hints(Peers),
}
_BYE = get_type_hints(Bye)
_WHOLE = ("iteration", "degree")  # scripts may compute these with NumPy


def check(message: object) -> Message:
    """Return ``message`` if it is valid; checking its arrays is up to the receiver.

    Raises
    ------
    MessageError
        If it is not a dict with text or integers as keys, has no ``CHANNEL``, or a field
        of its channel is missing or has the wrong type.
    """
    if not isinstance(message, dict) or [
        key for key in message if not isinstance(key, (str, int))
    ]:
        raise MessageError("a message is a map with text keys")
    channel = message.get("CHANNEL")
    if not isinstance(channel, str):
        raise MessageError("a message without a CHANNEL")
    for key in _WHOLE:
        if isinstance(message.get(key), np.integer):
            message[key] = int(message[key])
    fields = _BYE if "BYE" in message else CHANNELS.get(channel, {})
    for key, kind in fields.items():
        if type(message.get(key)) is not kind:
            raise MessageError(f"{channel}: {key} is no {kind.__name__}")
    return message


def payload_bytes(value: object) -> int:
    """Return the bytes of all arrays, tensors and byte strings nested in ``value``."""
    if isinstance(value, np.ndarray):  # first, since the check for Mapping is slow
        return value.nbytes
    if isinstance(value, (bytes, bytearray, memoryview)):
        return len(value)
    if isinstance(value, Mapping):
        return sum(payload_bytes(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return sum(payload_bytes(item) for item in value)
    return int(getattr(value, "nbytes", 0))
