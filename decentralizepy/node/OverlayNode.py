"""D-PSGD on a topology that the nodes build themselves before training."""

from typing import Any

from decentralizepy.errors import ConfigError
from decentralizepy.node.LiveNode import LiveNode


class OverlayNode(LiveNode):
    """Build an overlay, then train on it; subclasses implement ``build_topology``.

    Edges are used in both directions: a node's neighbors are those that it chose and
    those that chose it. Arguments as for
    :class:`~decentralizepy.node.LiveNode.LiveNode`.

    Attributes
    ----------
    out_edges : set of int
        The uids that this node chose.
    in_edges : set of int
        The uids that chose this node.
    """

    checkpointed = ("in_edges", "out_edges")
    in_edges: set[int]
    out_edges: set[int]

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        node = super().__new__(cls)
        node.in_edges, node.out_edges = set(), set()
        return node

    def build_topology(self) -> None:
        """Fill ``out_edges`` and ``in_edges``, consistently across all nodes."""

    def instantiate(self, *args: Any, **kwargs: Any) -> None:
        super().instantiate(*args, **kwargs)
        if self.checkpointer and self.first_round:
            self.checkpointer.resume()  # restores the edges
        else:
            self.build_topology()
        self.my_neighbors = self.out_edges | self.in_edges
        if not self.my_neighbors:
            raise ConfigError(
                f"build_topology left uid {self.uid} without an edge",
                section="NODE",
                key=type(self).__name__,
            )
        self.connect_neighbors()
