"""The messages that nodes exchange: one TypedDict per channel, and the check on what arrives."""

from collections.abc import Mapping
from typing import Any, TypedDict, get_type_hints

import numpy as np

from decentralizepy.errors import MessageError

Message = dict[str, Any]
"""A message is a dict with the key ``CHANNEL``; foreign nodes may use channels of their own."""


class Outgoing(np.ndarray[Any, np.dtype[Any]]):
    """An array that belongs to a message: its own until it is sent, and then nobody's.

    Sending it makes it read-only instead of copying it; what is computed from it, or is a
    view of it, is an array like any other.
    """

    given = False


def outgoing(array: "np.ndarray[Any, np.dtype[Any]]") -> Outgoing:
    """Give ``array``, which nothing else may refer to, to the message it is put into."""
    own = array.view(Outgoing)
    own.given = True
    return own


class Hello(TypedDict):
    """``CONNECT``: the start barrier, both ways."""

    HELLO: int


class Bye(TypedDict):
    """``DISCONNECT``: the end barrier, both ways; and the last word to or of a service."""

    BYE: int


class Question(TypedDict):
    """``SERVER_REQUEST``: a node asks the sampler for its neighbors."""

    REQUEST_NEIGHBORS: int
    iteration: int


class Peers(TypedDict):
    """``PEERS``: the sampler's answer."""

    NEIGHBORS: set  # type: ignore[type-arg]


class Model(TypedDict):
    """``DPSGD``: what a sharing algorithm sends, usually with ``params`` and ``degree``.

    Also ``WORKER_REQUEST`` and ``WORKER_GRADIENTS``, from and to a parameter server.
    """

    iteration: int


CHANNELS: dict[str, dict[str, type]] = {
    "CONNECT": get_type_hints(Hello),
    "DISCONNECT": get_type_hints(Bye),
    "DPSGD": get_type_hints(Model),
    "WORKER_REQUEST": get_type_hints(Model),
    "WORKER_GRADIENTS": get_type_hints(Model),
    "SERVER_REQUEST": get_type_hints(Question),
    "PEERS": get_type_hints(Peers),
}
_BYE = get_type_hints(Bye)
_WHOLE = {"iteration", "degree"}  # which scripts may compute with numpy


def check(message: object) -> Message:
    """Return ``message`` if it is one; its arrays are the receiver's to check.

    Raises
    ------
    MessageError
        If it is no dict with text or whole numbers as keys, has no ``CHANNEL``, or lacks
        a field of its channel or has it in another type.
    """
    if not isinstance(message, dict) or not all(
        isinstance(key, (str, int)) for key in message
    ):
        raise MessageError("a message is a map with text keys")
    channel = message.get("CHANNEL")
    if not isinstance(channel, str):
        raise MessageError("a message without a CHANNEL")
    for key in _WHOLE & message.keys():
        if isinstance(message[key], np.integer):
            message[key] = int(message[key])
    fields = _BYE if "BYE" in message else CHANNELS.get(channel, {})
    for key, kind in fields.items():
        if type(message.get(key)) is not kind:
            raise MessageError(f"{channel}: {key} is no {kind.__name__}")
    return message


def payload_bytes(value: object) -> int:
    """Bytes of the arrays, tensors and byte strings in ``value``, however nested."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return len(value)
    if isinstance(value, Mapping):
        return sum(payload_bytes(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return sum(payload_bytes(item) for item in value)
    return int(getattr(value, "nbytes", 0))
