"""Decentralized parallel stochastic gradient descent, in lockstep with the neighbors."""

from typing import Any

from decentralizepy.node.LiveNode import LiveNode
from decentralizepy.node.many import ManyRounds
from decentralizepy.node.many_example import Example
from decentralizepy.node.Node import Section


class DPSGDNode(LiveNode):
    """Average with the neighbors in the graph each round, waiting for all of them.

    Lian et al., Can Decentralized Algorithms Outperform Centralized Algorithms?, NeurIPS
    2017, algorithm 1. If the graph changes over time
    (:meth:`~decentralizepy.graphs.Graph.Graph.at`), this round's neighbors are used.
    Arguments as for :class:`~decentralizepy.node.LiveNode.LiveNode`.
    """

    many_rounds = ManyRounds
    """The rounds of a worker's nodes at once, for --batched."""

    @classmethod
    def example(cls, *args: Any) -> Example:
        """Return a node that stands for many in ``ManyRounds``."""
        return Example(cls, DPSGDNode, args)

    @property
    def rounds_ahead(self) -> int:
        """One on a fixed undirected graph, since neighbors wait for this node, too."""
        fixed = (
            not self.overrides_neighbors
            and not self.silent_rounds
            and self.graph.fixed
            and not self.graph.directed
        )
        return 1 if fixed else super().rounds_ahead

    @property
    def overrides_neighbors(self) -> bool:
        """Whether a subclass chooses its neighbors by something other than the graph."""
        return type(self).get_neighbors is not DPSGDNode.get_neighbors

    def init_sharing(self, sharing_configs: Section) -> None:
        super().init_sharing(sharing_configs)
        self.sharing.degrees_are_static = (
            not self.overrides_neighbors and self.on_peer_loss != "drop"
        )

    def init_churn(self, config: dict[str, Section]) -> None:
        super().init_churn(config)
        if self.churn:
            self.sharing.degrees_are_static = False

    def accepts(self, uid: int) -> bool:
        if self.overrides_neighbors or not self.graph.fixed:
            return True
        graph = self.graph
        return uid in graph.neighbors(self.uid) | graph.in_neighbors(self.uid)

    def get_neighbors(self, node: int | None = None) -> set[int]:
        neighbors: set[int] = self.graph.at(self.iteration).neighbors(self.uid)
        return neighbors

    def get_senders(self, receivers: set[int]) -> set[int]:
        if self.overrides_neighbors:
            return receivers
        senders: set[int] = self.graph.at(self.iteration).in_neighbors(self.uid)
        return senders
