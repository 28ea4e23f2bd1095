"""Detection of NaN and infinity, and the errors that name their origin."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from decentralizepy.errors import MessageError, NodeFailed, PeerError
from decentralizepy.message import Message
from decentralizepy.models.flat import Flat, tensors
from decentralizepy.models.views import vector_of


def finite(state: Mapping[str, Any]) -> bool:
    """Return whether all tensors, arrays and numbers are finite."""
    vector = vector_of(state)
    if vector is not None:
        return _is_finite_tensor(vector)
    return all(map(_is_finite, state.values()))


def state_of(model: torch.nn.Module, sharing: Any) -> Mapping[str, Any]:
    """Return a model's state, as views of one vector if ``sharing`` has made them."""
    flat = getattr(sharing, "flat", None)
    if isinstance(flat, Flat) and flat.model is model:
        return flat.unflatten(flat.vector())
    return tensors(model)


def first_unsound(
    messages: Mapping[int, Message], decode: Callable[[Message], Message]
) -> int | None:
    """Return the first uid whose message is not finite; None if all are."""
    for uid, message in messages.items():
        try:
            sound = finite(decode(message))
        except MessageError:  # a subclass's own format: check what is accessible
            sound = finite(message)
        if not sound:
            return uid
    return None


def _is_finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Mapping):
        return finite(value)
    if isinstance(value, np.ndarray):
        return value.dtype.kind not in "fc" or bool(np.isfinite(value).all())
    return not isinstance(value, torch.Tensor) or _is_finite_tensor(value)


def _is_finite_tensor(tensor: torch.Tensor) -> bool:
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor)
    if not tensor.is_floating_point() or not tensor.numel():
        return True
    numbers = tensor.detach()
    if math.isfinite(numbers.sum()):  # else the sum may just be too large
        return True
    # both propagate NaN, in one pass; isfinite() takes 20 times as long
    return all(math.isfinite(bound) for bound in torch.aminmax(numbers))


def spoilt_by_training(uid: int, number: int) -> NodeFailed:
    """Return the error for a node whose own model is not finite before averaging."""
    return NodeFailed(
        f"uid {uid}: its own model has NaN or infinity after training in round "
        f"{number}; a smaller lr may help, or [FAULTS] nonfinite = keep to continue"
    )


def spoilt_by_averaging(uid: int, sharing: type, number: int) -> NodeFailed:
    """Return the error for averaging that turns finite models into NaN."""
    return NodeFailed(
        f"uid {uid}: averaging gave NaN or infinity in round {number}, though its own "
        f"model and what its peers sent are finite: the fault is in {sharing.__name__}"
    )


def sent(uid: int, number: int) -> PeerError:
    """Return the error for a peer that sent NaN or infinity."""
    return PeerError(f"uid {uid} sent a model with NaN or infinity in round {number}")
