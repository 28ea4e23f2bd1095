"""The description of a node that an engine starts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any


@dataclass
class NodeSpec:
    """A node to start: its class, arguments, place and log file.

    ``namespace`` is the descriptor of the network namespace that its process enters.
    """

    node_class: Callable[..., Any]
    args: tuple[Any, ...]
    rank: int
    machine_id: int
    uid: int
    log: Path
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    fresh: bool = True  # whether to start a new log
    name: str = ""  # of what is no node
    namespace: int | None = None

    @property
    def config(self) -> dict[str, Any]:
        """The sections that the node is built from."""
        found: dict[str, Any] = self.args[4]
        return found

    def over(self, transport: dict[str, Any]) -> "NodeSpec":
        """Return the same node with another section COMMUNICATION."""
        *place, config = self.args[:5]
        config = {**config, "COMMUNICATION": transport}
        return replace(self, args=(*place, config, *self.args[5:]))

    def __str__(self) -> str:
        return (
            self.name or f"uid {self.uid} (rank {self.rank}, machine {self.machine_id})"
        )
