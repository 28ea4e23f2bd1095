"""The parameter server of federated averaging."""

import logging
import math
import random
from collections.abc import Collection
from typing import Any

from decentralizepy.models.flat import tensors
from decentralizepy.node._identity import identify
from decentralizepy.node.Node import Section
from decentralizepy.node.rounds import Rounds
from decentralizepy.randomness import Purpose, derive_seed, seed_of


class FederatedParameterServer(Rounds):
    """Send the model to some clients each round, and average what they return.

    McMahan et al., AISTATS 2017, algorithm 1. By default all clients have the same
    weight, as in DecentralizePy; with ``[NODE] client_weights = samples`` they are
    weighted by their number of samples, as in the paper. Instantiating the class builds
    the server and runs it to the end.

    Parameters
    ----------
    rank, machine_id, mapping, graph, config
        As for :class:`~decentralizepy.node.Node.Node`.
    iterations : int, default 1
        Number of rounds.
    log_dir, weights_store_dir : str, default "."
    log_level : int, default logging.INFO
    test_after, train_evaluate_after : int, default 5 and 1
        Rounds between tests; ``train_evaluate_after`` has no effect, since a server has
        no training data.
    working_fraction : float, default 1.0
        ``ceil(working_fraction * n)`` of the n clients take part in a round.
    """

    log_name = "ParameterServer"
    evaluates = True
    """Whether the service has a model to test; a peer sampler does not."""
    checkpointed: tuple[str, ...] = ("rng",)

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
        working_fraction: float = 1.0,
        *args: Any,
    ) -> None:
        """Build all parts and pass the start barrier with every client."""
        self.init_log(log_dir, log_level)
        self.cache_fields(
            rank,
            machine_id,
            mapping,
            graph,
            iterations,
            log_dir,
            weights_store_dir,
            test_after,
            train_evaluate_after,
        )
        self.working_fraction = working_fraction
        self.build_and_greet(config)

    def init_log(  # type: ignore[override]
        self, log_dir: str, log_level: int = logging.INFO, force: bool = True
    ) -> None:
        """Log to the file that ``log_name`` names."""
        super().init_log(log_dir, self.log_name, log_level, force)

    def init_parts(self, config: dict[str, Section]) -> None:
        self.init_checkpoints(config.get("RUN", {}))
        self.init_dataset_model({**config["DATASET"], "train_dir": ""})
        self.init_loss(config["TRAIN_PARAMS"])
        self.init_comm(config["COMMUNICATION"])
        self.init_sharing(config["SHARING"])
        self.init_observer(config)
        self.init_churn(config)
        self.identity = identify(self, config)

    def cache_fields(  # type: ignore[override]
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
    ) -> None:
        """Store the arguments, and what is derived from them."""
        super().cache_fields(rank, machine_id, mapping, graph, iterations, log_dir)
        self.weights_store_dir = weights_store_dir
        self.test_after, self.train_evaluate_after = test_after, train_evaluate_after

    def init_dataset_model(self, dataset_configs: Section) -> None:
        super().init_dataset_model(dataset_configs)
        seed = derive_seed(Purpose.WORKERS, seed_of(self.dataset), self.uid)
        self.rng = random.Random(seed)

    def get_working_nodes(self) -> set[int]:
        """Return this round's clients, some of those that are up."""
        clients = self.my_neighbors - self.lost_peers
        clients -= self.down(clients)
        count = math.ceil(len(clients) * self.working_fraction)
        return set(self.rng.sample(sorted(clients), count))

    def round(self) -> None:
        self.current_workers = set(self.get_working_nodes())
        self.ask(self.current_workers)
        updates = self.gather(self.current_workers)
        self.sharing._pre_step()
        messages = {uid: queue[0] for uid, queue in updates.items()}
        self.observe(messages)
        self.sharing._averaging_server(updates)
        self.check_average(messages)

    def replace_lost(self, uids: set[int]) -> set[int]:
        """Average over the remaining clients; nothing replaces a lost client's model."""
        return set()

    def ask(self, workers: Collection[int]) -> None:
        """Send the model to this round's workers."""
        request = {"CHANNEL": "WORKER_REQUEST", "iteration": self.iteration}
        self.communication.broadcast(
            sorted(workers), {**request, "params": tensors(self.model)}
        )

    def evaluate_train(self) -> dict[str, float]:
        return {}

    def finish(self) -> None:
        self.store()
        self.disconnect_neighbors()
        self.communication.terminate()

    def disconnect_neighbors(self) -> None:
        """Say goodbye to all clients, without waiting for theirs."""
        bye = {"BYE": self.uid, "CHANNEL": "WORKER_REQUEST"}
        self.communication.broadcast(sorted(self.my_neighbors - self.lost_peers), bye)
