"""The engine that --engine names: a process per node, or many nodes per process."""

from argparse import Namespace

from decentralizepy.engines.engine import Engine, GoOn
from decentralizepy.engines.process import LocalNodes
from decentralizepy.machine import cores
from decentralizepy.network.clock import VirtualClock
from decentralizepy.network.description import Network
from decentralizepy.runs.spec import NodeSpec


def select_engine(
    args: Namespace,
    specs: list[NodeSpec],
    go_on: GoOn,
    network: Network | None = None,
) -> Engine:
    """Return the nodes of this machine, not started yet.

    The ``network`` is that of nodes that do what they do when messages arrive; the
    engine then has to let them arrive in virtual time.
    """
    if args.engine == "debug":
        from decentralizepy.engines.debug import DebugNodes, post_mortem

        inspect = post_mortem if args.pdb else None
        clock = VirtualClock(network) if network else None
        return DebugNodes(specs, go_on, inspect, batched=args.batched, clock=clock)
    if args.engine == "packed":
        from decentralizepy.engines.packed import PackedNodes

        workers = args.workers or cores()
        return PackedNodes(specs, workers, go_on, args.batched, network)
    return LocalNodes(specs, go_on)
