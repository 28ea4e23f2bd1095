"""Averages of several nodes at once, as one sparse product with the models they received."""

import functools
from collections.abc import Hashable, Mapping
from itertools import accumulate, chain
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from decentralizepy.errors import MessageError
from decentralizepy.sharing.checks import reading

METHODS = (
    "_average",
    "pull",
    "local",
    "adopt",
    "_post_step",
    "deserialized_model",
    "decompress_data",
    "_numbers",
)
ROWS = 256  # of a product, so that they stay in the cache
OURS, BASE = "decentralizepy.", "decentralizepy.sharing.Sharing"


class Pull(NamedTuple):
    """A received model, of shape (N,), and its weight."""

    weight: float
    params: npt.NDArray[Any]


class Average:
    """The average that a node is about to take of its own and all received models.

    Parameters
    ----------
    sharing : Sharing
    peer_deques : mapping of int to deque
        The messages, by uid.

    Raises
    ------
    PeerError
        If a message does not fit the node's model.
    """

    name: ClassVar[str] = "averages"
    least: ClassVar[int] = 0

    def __init__(self, sharing: Any, peer_deques: Mapping[int, Any]) -> None:
        self.sharing = sharing
        self.peer_deques = {uid: peer_deques[uid] for uid in sorted(peer_deques)}
        self.pulls: list[Pull] = []
        self.vector = sharing.flat.vector()
        self.obstacle = overridden(sharing) or _obstacle(sharing)
        if self.obstacle:
            return
        try:
            self.pulls = [self._pull(uid) for uid in self.peer_deques]
        except MessageError:
            for uid, queue in self.peer_deques.items():
                with reading(uid, queue[0]):
                    self._pull(uid)
        if not self.pulls:
            self.obstacle = "a node received no message"
        if any(pull.params.dtype != np.float32 for pull in self.pulls):
            self.obstacle = "a message is not in float32"

    def _pull(self, uid: int) -> Pull:
        message, count = self.peer_deques[uid][0], len(self.peer_deques)
        count += self.sharing.missed
        weight = self.sharing.edge_weight(uid, count, message)
        return Pull(weight, self.sharing._numbers(message))

    @property
    def key(self) -> Hashable:
        return "average", self.sharing.flat.size, self.sharing.nonfinite

    def alone(self) -> bool:
        """Take the average, and return True."""
        self.sharing._average(self.peer_deques, self.sharing.edge_weight)
        return True

    @staticmethod
    @torch.no_grad()
    def together(averages: list["Average"]) -> list[bool | None]:
        """Take all ``averages``; leave out those that would be NaN or infinite."""
        places: dict[int, int] = {}
        arrays: list[npt.NDArray[Any]] = []
        index: list[int] = []
        for pull in chain.from_iterable(each.pulls for each in averages):
            place = places.setdefault(id(pull.params), len(arrays))
            if place == len(arrays):
                arrays.append(pull.params)
            index.append(place)
        received = torch.from_numpy(np.stack(arrays))
        done: list[bool | None] = []
        first = 0
        for start in range(0, len(averages), ROWS):
            part = averages[start : start + ROWS]
            end = first + sum(len(each.pulls) for each in part)
            done += _average(part, received, torch.tensor(index[first:end]))
            first = end
        return done


def _average(
    averages: list[Average], received: torch.Tensor, index: torch.Tensor
) -> list[bool | None]:
    """Take ``averages`` of the rows ``index`` of ``received``, which follow each other."""
    weights = [[pull.weight for pull in each.pulls] for each in averages]
    starts = [0, *accumulate(map(len, weights))][:-1]
    kept = torch.tensor([[1 - sum(each)] for each in weights])
    own = [each.vector for each in averages]
    mean = torch.nn.functional.embedding_bag(
        index,
        received,
        torch.tensor(starts),
        mode="sum",
        per_sample_weights=torch.tensor([*chain.from_iterable(weights)]),
    ).addcmul_(torch.stack(own), kept)
    keep = averages[0].sharing.nonfinite == "keep"
    sound = [keep or each for each in mean.sum(1).isfinite().tolist()]
    new = [row for row, well in zip(mean.unbind(), sound, strict=True) if well]
    old = [row for row, well in zip(own, sound, strict=True) if well]
    torch._foreach_copy_(old, new)
    for average, well in zip(averages, sound, strict=True):
        if well:
            _finish(average)
    return [well or None for well in sound]


def _finish(average: Average) -> None:
    for queue in average.peer_deques.values():
        queue.popleft()
    average.sharing.communication_round += 1


def overridden(sharing: Any) -> str:
    """Return which method of a class stands in the way of batching; "" if none does."""
    own = [method for method in METHODS if method in vars(sharing)]
    cls: Any = type(sharing)
    method = own[0] if own else _overridden(cls)
    return f"{cls.__name__} overrides {method}" if method else ""


@functools.cache
def _overridden(cls: Any) -> str:
    found = [name for name in METHODS if getattr(cls, name).__module__ != BASE]
    if not cls._averaging.__module__.startswith(OURS):
        found.append("_averaging")
    return found[0] if found else ""


def _obstacle(sharing: Any) -> str:
    """Return what else stands in the way of batching; "" if nothing does."""
    if sharing.compress:
        return "[SHARING] compress is set"
    if sharing.nonfinite == "drop":
        return "[FAULTS] nonfinite = drop"
    if not sharing.flat.is_whole:
        return f"not all of {type(sharing.model).__name__} is float32 on the CPU"
    return ""
