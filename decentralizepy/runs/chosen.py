"""The parts of an experiment whose compatibility is checked."""

from argparse import Namespace
from collections.abc import Mapping
from typing import Any, NamedTuple

from decentralizepy.graphs.Graph import Graph


class Chosen(NamedTuple):
    """The parts chosen for an experiment."""

    args: Namespace
    config: Mapping[str, Mapping[str, Any]]
    sharing: Any
    graph: Graph
    node_class: Any
    service_class: Any

    @property
    def policy(self) -> Any:
        """What [FAULTS] on_peer_loss says; None if nothing."""
        return self.config.get("FAULTS", {}).get("on_peer_loss")

    @property
    def islands(self) -> list[int]:
        """The sizes of the components; none if the graph is connected or changes."""
        graph = self.graph
        sizes = [len(part) for part in graph.components()] if graph.fixed else []
        return sizes if len(sizes) > 1 else []
