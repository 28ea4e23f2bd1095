"""The round of every learning node: train, share, gather, average, record."""

import logging
from collections import deque
from collections.abc import Collection
from typing import Any

from decentralizepy.node._identity import identify
from decentralizepy.node.Node import Section
from decentralizepy.node.rounds import Rounds


class LiveNode(Rounds):
    """A node that learns in rounds: calling the class builds it and runs it to the end.

    A round calls the steps ``get_neighbors`` (whom to send to), ``share``,
    ``get_senders`` (whom to wait for) and ``gather``; subclasses override a step, never
    the loop.

    Parameters
    ----------
    rank, machine_id, mapping, graph, config
        As for :class:`~decentralizepy.node.Node.Node`.
    iterations : int, default 1
        Rounds.
    log_dir : str, default "."
        Where the log and the results go.
    weights_store_dir : str, default "."
        Where the final weights go, as ``<last round index>_weight_<uid>.pt``.
    log_level : int, default logging.INFO
    test_after, train_evaluate_after : int, default 5 and 1
        Rounds between evaluations on test data, and of the training loss.
    reset_optimizer : int, default 1
        1: a fresh optimizer after every averaging.
    service_uid : int, default -1
        The parameter server or peer sampler, for the classes that have one.
    """

    service_uid = -1

    def __init__(
        self,
        rank: int,
        machine_id: int,
        mapping: Any,
        graph: Any,
        config: dict[str, Section],
        iterations: int = 1,
        log_dir: str = ".",
        weights_store_dir: str = ".",
        log_level: int = logging.INFO,
        test_after: int = 5,
        train_evaluate_after: int = 1,
        reset_optimizer: int = 1,
        *args: Any,
    ) -> None:
        super().__init__(rank, machine_id, mapping, graph, config)
        try:
            self.instantiate(
                *(rank, machine_id, mapping, graph, config, iterations, log_dir),
                *(weights_store_dir, log_level, test_after, train_evaluate_after),
                *(reset_optimizer, *args),
            )
            self.run()
        finally:
            self.close_log()

    def instantiate(
        self,
        rank: int,
        machine_id: int,
        mapping: Any,
        graph: Any,
        config: dict[str, Section],
        iterations: int = 1,
        log_dir: str = ".",
        weights_store_dir: str = ".",
        log_level: int = logging.INFO,
        test_after: int = 5,
        train_evaluate_after: int = 1,
        reset_optimizer: int = 1,
        *args: Any,
    ) -> None:
        """Build all parts and pass the start barrier."""
        self.init_log(log_dir, rank, log_level)
        self.cache_fields(
            *(rank, machine_id, mapping, graph, iterations, log_dir),
            *(weights_store_dir, test_after, train_evaluate_after, reset_optimizer),
        )
        self.service_uid = args[0] if args else -1
        self.init_limits(config.get("FAULTS", {}))
        self.init_checkpoints(config.get("RUN", {}))
        self.init_dataset_model(config["DATASET"])
        self.init_optimizer(config["OPTIMIZER_PARAMS"])
        self.init_trainer(config["TRAIN_PARAMS"])
        self.init_comm(config["COMMUNICATION"])
        self.init_sharing(config["SHARING"])
        self.init_node(config.get("NODE", {}))
        self.identity = identify(self, config)
        self.my_neighbors = graph.neighbors(self.uid) | graph.in_neighbors(self.uid)
        self.connect_neighbors()

    def cache_fields(
        self,
        rank: int,
        machine_id: int,
        mapping: Any,
        graph: Any,
        iterations: int,
        log_dir: str,
        weights_store_dir: str,
        test_after: int,
        train_evaluate_after: int,
        reset_optimizer: int,
    ) -> None:
        """Keep the arguments, and the uid that follows from them."""
        self.keep_place(rank, machine_id, mapping, graph, iterations, log_dir)
        self.weights_store_dir = weights_store_dir
        self.test_after = test_after
        self.train_evaluate_after = train_evaluate_after
        self.reset_optimizer = reset_optimizer

    def round(self) -> None:
        """Train, share, gather, average."""
        self.trainer.train(self.dataset)
        neighbors = set(self.get_neighbors())
        senders = set(self.get_senders(neighbors)) - self.lost_peers
        self.my_neighbors = neighbors - self.lost_peers
        self.meet(self.my_neighbors | senders)
        self.share(self.my_neighbors)
        updates = self.gather(senders)
        messages = {uid: queue[0] for uid, queue in updates.items()}
        self.sharing._averaging(updates)
        self.check_average(messages)
        if self.reset_optimizer:
            self.renew_optimizer()

    def get_neighbors(self) -> set[int]:
        """Return the uids to send this round's model to; the graph's by default."""
        return self.my_neighbors

    def get_senders(self, receivers: set[int]) -> set[int]:
        """Return the uids to wait for; those that were sent to by default."""
        return receivers

    def share(self, receivers: Collection[int]) -> None:
        """Send this round's message to each of ``receivers``."""
        message = self.sharing.get_data_to_send(degree=len(receivers))
        message["CHANNEL"] = "DPSGD"
        self.communication.broadcast(sorted(receivers), message)
        self._shared = message

    def replace_lost(self, uids: set[int]) -> set[int]:
        """Take this node's own model for a lost peer's: its weight stays at home.

        The degree that was told to the other neighbors holds for this round too, so the
        mixing matrix of those who are left is symmetric and its rows sum to 1.
        """
        for uid in uids:
            self.peer_deques[uid] = deque([self._shared])
        return uids
