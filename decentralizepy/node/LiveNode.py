"""The round of every learning node: train, share, gather, average, record."""

import json
import logging
from collections import deque
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from decentralizepy.files import write_atomic
from decentralizepy.message import Message
from decentralizepy.node.Node import Node, Section
from decentralizepy.results import Results, Schedule

logger = logging.getLogger(__name__)


class LiveNode(Node):
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

    Attributes
    ----------
    iteration : int
        The round, from 0.
    rounds_ahead : int
        How many rounds a peer may be ahead; models of later rounds are dropped.
    """

    rounds_ahead = 2
    iteration = 0

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
        self.instantiate(
            *(rank, machine_id, mapping, graph, config, iterations, log_dir),
            *(weights_store_dir, log_level, test_after, train_evaluate_after),
            *(reset_optimizer, *args),
        )
        self.run()

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
        self.init_limits(config.get("FAULTS", {}))
        self.init_dataset_model(config["DATASET"])
        self.init_optimizer(config["OPTIMIZER_PARAMS"])
        self.init_trainer(config["TRAIN_PARAMS"])
        self.init_comm(config["COMMUNICATION"])
        self.init_sharing(config["SHARING"])
        self.init_node(config.get("NODE", {}))
        self.my_neighbors = self.graph.neighbors(self.uid)
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
        self.rank, self.machine_id = rank, machine_id
        self.mapping, self.graph = mapping, graph
        self.uid = mapping.get_uid(rank, machine_id)
        self.iterations = iterations
        self.log_dir, self.weights_store_dir = log_dir, weights_store_dir
        self.test_after = test_after
        self.train_evaluate_after = train_evaluate_after
        self.reset_optimizer = reset_optimizer

    def init_node(self, node_configs: Section) -> None:
        """Take what the class reads of section NODE; nothing here."""

    def run(self) -> None:
        """Learn for ``iterations`` rounds, then pass the end barrier."""
        self.results = Results(self.log_dir, self.rank)
        self.schedule = Schedule(self.test_after, self.train_evaluate_after)
        try:
            for self.iteration in range(self.iterations):
                self.round()
            self.finish()
        finally:
            self.results.close()

    def round(self) -> None:
        """Train, share, gather, average, record."""
        self.trainer.train(self.dataset)
        self.my_neighbors = self.get_neighbors()
        self.connect_neighbors()
        self.share(self.my_neighbors)
        updates = self.gather(self.get_senders(self.my_neighbors))
        self.sharing._averaging(updates)
        if self.reset_optimizer:
            self.renew_optimizer()
        self.record()

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

    def gather(self, senders: set[int]) -> dict[int, "deque[Message]"]:
        """Wait for this round's message of each of ``senders``; return their deques."""
        while missing := self._missing(senders):
            received = self.receive_DPSGD(missing)
            assert received is not None
            self.file_update(*received)
        return {uid: self.peer_deques[uid] for uid in senders}

    def receive_DPSGD(self, missing: Iterable[int] = ()) -> tuple[int, Message] | None:
        """Return the next (sender, model message)."""
        return self.receive_channel("DPSGD", missing=lambda: missing)

    def received_from_all(self) -> bool:
        """Tell whether this round's message of every neighbor is there."""
        return not self._missing(self.my_neighbors)

    def _missing(self, senders: set[int]) -> set[int]:
        return {uid for uid in senders if not self._is_due(self.peer_deques.get(uid))}

    def _is_due(self, queue: "deque[Message] | None") -> bool:
        return bool(queue) and queue[0]["iteration"] == self.iteration  # type: ignore[index]

    def file_update(self, sender: int, message: Message) -> None:
        """Keep a model until its round; drop a second one, and one far from now."""
        queue = self.peer_deques.setdefault(sender, deque())
        rounds = [kept["iteration"] for kept in queue]
        number = message["iteration"]
        ahead = number - self.iteration
        if number in rounds or not 0 <= ahead <= self.rounds_ahead:
            logger.warning(
                "round %d: dropped uid %d's model of round %d",
                *(self.iteration + 1, sender, number + 1),
            )
            return
        queue.insert(sum(kept < number for kept in rounds), message)

    def record(self) -> None:
        """Evaluate what is due, and write this round's line of results."""
        train_due, test_due = self.schedule.step()
        measured: dict[str, Any] = {}
        if train_due:
            measured["train_loss"] = self.trainer.eval_loss(self.dataset)
        if test_due:
            measured |= self.evaluate()
        measured |= self.count_bytes()
        self.results.add(self.iteration + 1, measured)
        if test_due:
            self.results.write()

    def evaluate(self) -> dict[str, float]:
        """Return losses and accuracies (percent) on the test and validation sets."""
        measured: dict[str, float] = {}
        if self.dataset.__testing__:
            accuracy, loss = self.dataset.test(self.model, self.loss)
            measured |= {"test_acc": accuracy, "test_loss": loss}
        if self.dataset.__validating__:
            accuracy, loss = self.dataset.validate(self.model, self.loss)
            measured |= {"validation_acc": accuracy, "validation_loss": loss}
        return measured

    def count_bytes(self) -> dict[str, int]:
        """Return the transport's counters, cumulative since the start."""
        return {
            "total_bytes": self.communication.total_bytes,
            "total_meta": self.communication.total_meta,
            "total_data_per_n": self.communication.total_data,
        }

    def finish(self) -> None:
        """Write the final weights, and say goodbye."""
        counter = getattr(self.model, "shared_parameters_counter", None)
        if counter is not None:
            path = Path(self.log_dir) / f"{self.rank}_shared_parameters.json"
            write_atomic(path, json.dumps(counter.tolist()))
        self.model.dump_weights(self.weights_store_dir, self.uid, self.iteration)
        self.disconnect_neighbors()
        self.communication.terminate()
        self.close_log()
