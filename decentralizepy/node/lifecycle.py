"""The life of a node or a service: built, greeted, run to its end."""

import logging
from typing import Any

from decentralizepy.config.run_section import RunSection
from decentralizepy.node.agreement import agree
from decentralizepy.node.Node import Node, Section

logger = logging.getLogger(__name__)


class Lifecycle(Node):
    """A node whose class, when it is called, builds it and runs it to its end.

    Subclasses say in ``init_parts`` what they are made of, in ``initial_peers`` whom
    they greet, and in ``run`` what they do until they have said goodbye. Their
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
            logger.info("at its end, after %d rounds", self.iterations)
        finally:
            self.close_log()

    def instantiate(self, *args: Any, **kwargs: Any) -> None:
        """Keep the arguments of the constructor, build all parts and pass the barrier."""
        raise NotImplementedError

    def build_and_greet(self, config: dict[str, Section]) -> None:
        """Build all parts, and pass the start barrier with those who are greeted.

        Where several machines resume, agree on the round.
        """
        self.init_limits(config.get("FAULTS", {}))
        self.init_parts(config)
        self.my_neighbors = self.initial_peers()
        logger.info("built %s; meeting %s", self._place(), sorted(self.my_neighbors))
        self.connect_neighbors()
        logger.info("all are there")
        if rounds := RunSection.of(config.get("RUN", {})).rounds:
            self.first_round = agree(self, rounds)
            logger.info("all resume after round %d", self.first_round)

    def _place(self) -> str:
        where = f"rank {self.rank}, machine {self.machine_id}"
        return f"{type(self).__name__}, uid {self.uid} ({where})"

    def init_parts(self, config: dict[str, Section]) -> None:
        """Build the parts of this kind of node, by the ``init_`` methods, in order."""
        raise NotImplementedError

    def initial_peers(self) -> set[int]:
        """Return whom to greet at the start: for a service, all nodes."""
        return set(range(self.mapping.get_n_procs()))

    def run(self) -> None:
        """Do what there is to do, and say goodbye."""
        raise NotImplementedError
