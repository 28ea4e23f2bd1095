"""The engine that --engine names: a process per node, or many nodes per process."""

from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias, Union

from decentralizepy.engines.process import LocalNodes
from decentralizepy.run.spec import NodeSpec

if TYPE_CHECKING:
    from decentralizepy.engines.debug import DebugNodes

Nodes: TypeAlias = Union[LocalNodes, "DebugNodes"]


def chosen(
    args: Namespace, specs: list[NodeSpec], go_on: Callable[[NodeSpec], bool] | None
) -> Nodes:
    """Return the nodes of this machine, not started yet."""
    if args.engine == "debug":
        from decentralizepy.engines.debug import DebugNodes, post_mortem

        return DebugNodes(specs, go_on, post_mortem if args.pdb else None)
    if args.engine == "packed":
        from decentralizepy.engines.packed import PackedNodes
        from decentralizepy.node.process import cores

        return PackedNodes(specs, args.workers or cores(), go_on)
    return LocalNodes(specs, go_on)
