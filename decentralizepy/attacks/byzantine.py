"""Which nodes are Byzantine, and how they send their forged models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from decentralizepy.config.numbers import integers
from decentralizepy.errors import ConfigError
from decentralizepy.randomness import DEFAULT_SEED, Purpose, stream

WAYS = ("nodes", "count", "fraction")
"""Keys of section ATTACK of which one says which nodes, or how many, are Byzantine."""


def byzantine_uids(config: Mapping[str, Any], graph: Any) -> frozenset[int]:
    """Return the uids of the Byzantine nodes; none without a section ATTACK.

    Raises
    ------
    ConfigError
        If it does not say which nodes they are, or leaves no honest one.
    """
    section, count = config.get("ATTACK"), graph.n_procs
    if not section:
        return frozenset()
    given = [way for way in WAYS if section.get(way) is not None]
    if len(given) != 1:
        cause = f"expected one of {', '.join(WAYS)}, but {len(given)} are given"
        raise ConfigError(cause, section="ATTACK")
    uids = _chosen(section, config, graph)
    if not uids or len(uids) == count or max(uids) >= count:
        raise ConfigError(
            (
                f"makes {len(uids)} of {count} nodes Byzantine"
                if not uids or len(uids) == count
                else f"there is no node {max(uids)}"
            ),
            section="ATTACK",
            key=given[0],
            value=section[given[0]],
        )
    return uids


def _chosen(
    section: Mapping[str, Any], config: Mapping[str, Any], graph: Any
) -> frozenset[int]:
    nodes = section.get("nodes")
    if nodes is not None:
        return frozenset(integers(nodes))
    count = section.get("count")
    if count is None:
        count = int(section["fraction"] * graph.n_procs)
    position = section.get("position", "random")
    seed = config["DATASET"].get("random_seed", DEFAULT_SEED)
    order = stream(Purpose.BYZANTINE, seed).permutation(graph.n_procs).tolist()
    if position != "random":  # by degree; at random among equal ones
        sign = -1 if position == "highest_degree" else 1
        order.sort(key=lambda uid: sign * len(graph.neighbors(uid)))
    return frozenset(order[:count])


class Malice:
    """The part of a node that makes it Byzantine.

    Parameters
    ----------
    attack : Attack
    others : frozenset of int
        The uids of all Byzantine nodes.
    start : int, default 0
        The first round in which the node forges its model, from 0.
    """

    def __init__(self, attack: Any, others: frozenset[int], start: int = 0) -> None:
        self.attack, self.others, self.start = attack, others, start

    def message(self, node: Any, degree: int) -> Any:
        """Return the message that the node's sharing makes of a forged model."""
        sharing = node.sharing
        if node.iteration < self.start:
            return sharing.get_data_to_send(degree=degree)
        own = sharing.flat.vector().clone()
        honest = (
            self._honest(node) if self.attack.informed else torch.empty(0, len(own))
        )
        forged = own
        if len(honest) or not self.attack.informed:
            forged = self.attack.forge(own, honest, node.iteration)
        sharing.flat.load(sharing.flat.unflatten(forged.float()))
        message = sharing.get_data_to_send(degree=degree)
        sharing.flat.load(sharing.flat.unflatten(own))
        return message

    def _honest(self, node: Any) -> torch.Tensor:
        """Wait for the models of honest neighbors, which send without waiting for this."""
        queues = node.gather(node.senders - self.others)
        models = [node.sharing._numbers(queues[uid][0]) for uid in sorted(queues)]
        rows = np.array(models, np.float32).reshape(-1, node.sharing.flat.size)
        return torch.from_numpy(rows)
