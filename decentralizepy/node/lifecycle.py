"""The lifecycle of nodes and services: build, greet, run, say goodbye."""

import logging
from typing import Any

from decentralizepy.config.run_section import RunSection
from decentralizepy.node.agreement import agree
from decentralizepy.node.Node import Node, Section

logger = logging.getLogger(__name__)


class Lifecycle(Node):
    """A node that is built and run to its end by its constructor.

    Subclasses build their parts in ``init_parts``, return the peers to greet from
    ``initial_peers``, and do their work in ``run``, until they have said goodbye. Their
    ``instantiate`` takes the arguments of the constructor.
    """

    def __init__(
        self,
        rank: int,
        machine_id: int,
        mapping: Any,
        graph: Any,
        config: dict[str, Section],
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(rank, machine_id, mapping, graph, config)
        try:
            self.instantiate(rank, machine_id, mapping, graph, config, *args, **kwargs)
            self.run()
            logger.info("finished")
        finally:
            self.close_log()

    def instantiate(self, *args: Any, **kwargs: Any) -> None:
        """Store the constructor's arguments, build all parts, pass the start barrier."""
        raise NotImplementedError

    def build_and_greet(self, config: dict[str, Section]) -> None:
        """Build all parts, and pass the start barrier with the initial peers.

        If a run on several machines is resumed, the nodes agree on the round.
        """
        self.init_limits(config.get("FAULTS", {}))
        self.init_parts(config)
        self.init_network(config)
        self.my_neighbors = self.initial_peers()
        logger.info("built %s; greeting %s", self._place(), sorted(self.my_neighbors))
        self.connect_neighbors()
        logger.info("passed the start barrier")
        rounds = RunSection.of(config.get("RUN", {})).rounds
        if rounds is not None:
            self.first_round = agree(self, rounds)
            logger.info("resuming after round %d", self.first_round)

    def _place(self) -> str:
        where = f"rank {self.rank}, machine {self.machine_id}"
        return f"{type(self).__name__}, uid {self.uid} ({where})"

    def init_parts(self, config: dict[str, Section]) -> None:
        """Build the parts of this kind of node by calling ``init_`` methods in order."""
        raise NotImplementedError

    def initial_peers(self) -> set[int]:
        """Return the peers to greet at the start; all nodes by default."""
        return set(range(self.mapping.get_n_procs()))

    def run(self) -> None:
        """Do the node's work, and say goodbye."""
        raise NotImplementedError
