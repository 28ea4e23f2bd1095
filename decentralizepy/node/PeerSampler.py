"""A service that tells each node its neighbors."""

import logging
from typing import Any

from decentralizepy import factory
from decentralizepy.errors import PeerLost
from decentralizepy.message import Message
from decentralizepy.node.lifecycle import Lifecycle
from decentralizepy.node.mailbox import Received
from decentralizepy.node.Node import SMALL_MESSAGE, Section
from decentralizepy.randomness import DEFAULT_SEED


class PeerSampler(Lifecycle):
    """Answer with the neighbors in a fixed graph, until every node has said goodbye.

    Instantiating the class builds the service and runs it to the end.

    Parameters
    ----------
    rank, machine_id, mapping, graph, config
        As for :class:`~decentralizepy.node.Node.Node`.
    iterations : int, default 1
        Number of rounds of the nodes.
    log_dir : str, default "."
    log_level : int, default logging.INFO
    """

    log_name = "PeerSampler"

    def instantiate(
        self,
        rank: int,
        machine_id: int,
        mapping: Any,
        graph: Any,
        config: dict[str, Section],
        iterations: int = 1,
        log_dir: str = ".",
        log_level: int = logging.INFO,
        *args: Any,
    ) -> None:
        """Build all parts and pass the start barrier with every node."""
        self.init_log(log_dir, log_level)
        self.cache_fields(rank, machine_id, mapping, graph, iterations, log_dir)
        self.build_and_greet(config)

    def init_log(  # type: ignore[override]
        self, log_dir: str, log_level: int = logging.INFO, force: bool = True
    ) -> None:
        """Log to the file that ``log_name`` names."""
        super().init_log(log_dir, self.log_name, log_level, force)

    def init_dataset_model(self, dataset_configs: Section) -> None:
        """Read the class and the seed; a sampler has no data and no model."""
        self.dataset_class = factory.load_class(dataset_configs, "dataset")
        self.random_seed = dataset_configs.get("random_seed", DEFAULT_SEED)

    def init_parts(self, config: dict[str, Section]) -> None:
        self.init_dataset_model(config["DATASET"])
        self.init_node(config.get("NODE", {}))
        self.init_comm(config["COMMUNICATION"])

    def largest_message(self) -> int:
        return SMALL_MESSAGE

    def run(self) -> None:
        """Answer until every node has said goodbye."""
        while self.barrier:
            try:
                self.answer(*self.receive_server_request())
            except PeerLost as error:
                self.go_without(error)
        self.communication.terminate()

    def receive_server_request(self) -> Received:
        """Return the next (sender, request or goodbye)."""
        return self.wait_for("SERVER_REQUEST", missing=lambda: self.barrier)

    def answer(self, sender: int, request: Message) -> None:
        """Reply to a request, or register a goodbye."""
        if "BYE" in request:
            self.barrier.discard(sender)
            return
        neighbors = self.get_neighbors(sender, request["iteration"])
        self.communication.send(sender, {"NEIGHBORS": neighbors, "CHANNEL": "PEERS"})

    def get_neighbors(self, node: int, iteration: int | None = None) -> set[int]:
        """Return the neighbors of ``node`` in a round; in a fixed graph by default."""
        neighbors: set[int] = self.graph.neighbors(node)
        return neighbors
