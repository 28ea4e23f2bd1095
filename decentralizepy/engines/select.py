"""The engine that --engine names: a process per node, or many nodes per process."""

from argparse import Namespace

from decentralizepy.engines.engine import Engine, GoOn
from decentralizepy.engines.process import LocalNodes
from decentralizepy.machine import cores
from decentralizepy.run.spec import NodeSpec


def select_engine(args: Namespace, specs: list[NodeSpec], go_on: GoOn) -> Engine:
    """Return the nodes of this machine, not started yet."""
    if args.engine == "debug":
        from decentralizepy.engines.debug import DebugNodes, post_mortem

        inspect = post_mortem if args.pdb else None
        return DebugNodes(specs, go_on, inspect, batched=args.batched)
    if args.engine == "packed":
        from decentralizepy.engines.packed import PackedNodes

        return PackedNodes(specs, args.workers or cores(), go_on, args.batched)
    return LocalNodes(specs, go_on)
