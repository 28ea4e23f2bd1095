"""Which nodes are Byzantine, and how they send their forged models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from functools import partial
from typing import Any

import numpy as np
import torch

from decentralizepy.attacks.Attack import Target
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
    if position != "random":  # which remains the order of equal ones
        values = _centrality(position, graph)
        order.sort(key=lambda uid: values[uid])
    return frozenset(order[:count])


def _centrality(position: str, graph: Any) -> Mapping[int, float]:
    """Return a number for each node; those with the lowest are Byzantine first."""
    if position == "betweenness":
        import networkx as nx

        between = nx.betweenness_centrality(graph.to_networkx())
        return {uid: -round(value, 9) for uid, value in between.items()}
    sign = -1 if position == "highest_degree" else 1
    return {uid: sign * len(graph.neighbors(uid)) for uid in range(graph.n_procs)}


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
        forger = sharing.forger()
        sharing.flat.load(sharing.flat.unflatten(forged.float()))
        message = forger.get_data_to_send(degree=degree)
        sharing.flat.load(sharing.flat.unflatten(own))
        if forger is not sharing:
            sharing.get_data_to_send(degree=degree)  # what the node itself averages
        return message

    def sender(self, node: Any) -> Callable[[Sequence[int], Any], None]:
        """Return what sends a message of the node to all its receivers."""
        return partial(self._send, node)

    def _send(self, node: Any, receivers: Sequence[int], message: Any) -> None:
        """Send a message; to each honest receiver its own, if the attack is targeted."""
        aimed = self.attack.targeted and node.iteration >= self.start
        known = self._models(node) if aimed else {}
        for uid in sorted(known.keys() & set(receivers)):
            forged = self.attack.forge_for(
                self._target(node, uid, known), node.iteration
            )
            params = {"params": forged.float().numpy()}
            own = {**message, **node.sharing.compress_data(params)}
            node.sharing.send([uid], own)
        if others := [uid for uid in receivers if uid not in known]:
            node.sharing.send(others, message)

    def _target(self, node: Any, uid: int, known: Mapping[int, torch.Tensor]) -> Target:
        """Return what is known of a neighbor, of the models ``known``."""
        graph = node.graph.at(node.iteration)
        weigh = partial(weight_of, graph, uid, down=node.down(graph.get_all_nodes()))
        near = graph.in_neighbors(uid) - node.down(graph.in_neighbors(uid))
        others = sorted(near & known.keys())
        weights = [weigh(other) for other in others]
        rows = [known[other] for other in others]
        liars = sorted(near & self.others | {node.uid})
        return Target(
            known[uid],
            torch.stack(rows) if rows else torch.empty(0, len(known[uid])),
            torch.tensor(weights),
            sum(weigh(other) for other in liars),
        )

    def _honest(self, node: Any) -> torch.Tensor:
        """Return the models of honest neighbors, in the order of their uids."""
        known = self._models(node)
        rows = [known[uid] for uid in sorted(known)]
        return torch.stack(rows) if rows else torch.empty(0, node.sharing.flat.size)

    def _models(self, node: Any) -> dict[int, torch.Tensor]:
        """Wait for the models of honest neighbors, which send without waiting for this."""
        queues = node.gather(node.senders - self.others)
        return {
            uid: torch.from_numpy(np.array(node.sharing._numbers(queue[0]), np.float32))
            for uid, queue in queues.items()
        }


def weight_of(graph: Any, uid: int, other: int, down: Set[int] = frozenset()) -> float:
    """Return the weight of another node's model: the graph's, or Metropolis-Hastings.

    The degrees are those among the nodes that are not ``down``.
    """
    own: float | None = graph.weight(uid, other)
    if own is not None:
        return own
    degrees = [len(graph.neighbors(each) - down) for each in (uid, other)]
    return 1 / (1 + max(degrees))
