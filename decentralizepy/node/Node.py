"""What every node and service is made of: parts from the INI file, and handshakes."""

import logging
import os
from collections import deque
from contextlib import suppress
from typing import Any

import torch
import torch._dynamo

from decentralizepy import factory
from decentralizepy.config.overrides import check_overrides
from decentralizepy.config.signatures import parameters
from decentralizepy.message import Message
from decentralizepy.node import process
from decentralizepy.node._identity import Identity
from decentralizepy.node.handshakes import Handshakes
from decentralizepy.randomness import DEFAULT_SEED, Purpose, derive_seed, seed_of

Section = dict[str, Any]

LOG_FORMAT = "[%(asctime)s][%(module)s][%(levelname)s] %(message)s"
SMALL_MESSAGE = 1 << 20  # bytes


class Node(Handshakes):
    """The parts of a node; it does not run by itself.

    Subclasses call the ``init_`` methods they need, in the order of this class, then
    ``connect_neighbors`` (the start barrier) and in the end ``disconnect_neighbors``.

    Parameters
    ----------
    rank : int
        Number of the process on its machine; negative for a service.
    machine_id : int
    mapping : Mapping
        From (rank, machine) to uid, and back.
    graph : Graph
        Who neighbours whom, in uids.
    config : dict of dict
        The INI file's sections.

    Attributes
    ----------
    my_neighbors : set of int
    barrier : set of int
        The uids that have greeted this node and not said goodbye.
    peer_deques : dict of int to deque
        Models received and not yet averaged, by sender.
    start_timeout : float
        Seconds that the start barrier may take.
    on_peer_loss : str
        What section FAULTS says: ``abort``, ``drop`` or ``restart``.
    lost_peers : set of int
        The uids that this node goes on without.
    first_round : int
        Where the node begins: after as many rounds as its checkpoint has seen.
    identity : dict
        Digests of what must be equal on all nodes of a run.
    """

    nonfinite = "abort"
    on_peer_loss = "abort"
    first_round = 0
    rank: int
    machine_id: int
    uid: int
    mapping: Any
    graph: Any
    iterations: int
    log_dir: str
    my_neighbors: set[int]
    barrier: set[int]
    peer_deques: dict[int, "deque[Message]"]
    sent_disconnections: bool
    lost_peers: set[int]
    identity: Identity
    logger: logging.Logger

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        check_overrides(cls)
        node = super().__new__(cls)
        node.barrier, node.peer_deques = set(), {}
        node.sent_disconnections = False
        node.lost_peers, node.identity = set(), {}
        node.logger = logging.Logger("")
        return node

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
        process.configure(mapping.get_local_procs_count())

    @classmethod
    def prepare(cls, config: dict[str, Section], graph: Any) -> None:
        """Check what the class reads of ``config``, before any process starts.

        Raises
        ------
        ConfigError
            For an option of section NODE that is missing or cannot be, or a graph that
            does not suit the class.
        """

    def cache_fields(
        self,
        rank: int,
        machine_id: int,
        mapping: Any,
        graph: Any,
        iterations: int,
        log_dir: str,
    ) -> None:
        """Keep where this node is in the network, and the uid that follows from it."""
        self.rank, self.machine_id = rank, machine_id
        self.mapping, self.graph = mapping, graph
        self.uid = mapping.get_uid(rank, machine_id)
        self.iterations, self.log_dir = iterations, log_dir
        if process.takes_turns(mapping.get_local_procs_count()):
            process.turn_file(log_dir, rank)

    def init_log(
        self,
        log_dir: str,
        rank: int | str,
        log_level: int = logging.INFO,
        force: bool = True,
    ) -> None:
        """Log to ``<log_dir>/<rank>.log``; a node's own process logs nowhere else.

        Without ``force`` the process's own logging is left as it is, if it has any.
        """
        handler = logging.FileHandler(os.path.join(log_dir, f"{rank}.log"))
        handler.setFormatter(logging.Formatter(LOG_FORMAT))
        self.logger = logging.Logger(f"{rank}", log_level)
        self.logger.addHandler(handler)
        root = logging.getLogger()
        if process.is_own() and (force or not root.handlers):
            root.handlers = [handler]
            root.setLevel(
                log_level
            )  # what was logged before has told others the old one

    def close_log(self) -> None:
        """Close the log's file; it is opened again if something is still to be said."""
        for handler in self.logger.handlers:
            with suppress(OSError):  # on a full disk
                handler.close()

    def init_limits(self, config: Section) -> None:
        """Take section FAULTS: time limits, in seconds, and what to do without a peer."""
        for name in ("start_timeout", "peer_timeout", "warn_after"):
            setattr(self, name, float(config.get(name, getattr(self, name))))
        self.on_peer_loss = config.get("on_peer_loss", self.on_peer_loss)
        self.nonfinite = config.get("nonfinite", self.nonfinite)

    def init_dataset_model(self, dataset_configs: Section) -> None:
        """Build the data set, and the model from a seed that is every node's."""
        seed = dataset_configs.get("random_seed", DEFAULT_SEED)
        process.seed(seed)
        part = factory.unpack(dataset_configs, "dataset")
        self.dataset_class, self.dataset_params = part
        self.dataset = part.build(self.rank, self.machine_id, self.mapping)
        self.model_class = factory.load(
            dataset_configs["dataset_package"], dataset_configs["model_class"]
        )
        with process.initial_weights(seed):
            self.model = self.dataset.make_model(self.model_class)
        # from here on a node draws for itself: dropout is not to be the same on all
        process.seed(derive_seed(Purpose.NODE, seed_of(self.dataset), self.uid))

    def init_optimizer(self, optimizer_configs: Section) -> None:
        """Build the optimizer; :meth:`renew_optimizer` builds the same again."""
        self.optimizer_configs = optimizer_configs
        self.optimizer_class, self.optimizer_params = factory.unpack(
            optimizer_configs, "optimizer"
        )
        self.optimizer: torch.optim.Optimizer = self.optimizer_class(
            self.model.parameters(), **self.optimizer_params
        )

    def renew_optimizer(self) -> None:
        """Train on with a fresh optimizer: momentum of another model is no use."""
        self.init_optimizer(self.optimizer_configs)
        self.trainer.reset_optimizer(self.optimizer)

    def init_loss(self, train_configs: Section) -> None:
        """Build the loss, the mean over a batch."""
        self.loss = factory.load_loss(train_configs)

    def init_trainer(self, train_configs: Section) -> None:
        """Build the loss and the trainer."""
        self.init_loss(train_configs)
        self.trainer = factory.build(
            train_configs,
            "training",
            self.rank,
            self.machine_id,
            self.mapping,
            self.model,
            self.optimizer,
            self.loss,
            self.log_dir,
        )

    def init_comm(self, comm_configs: Section) -> None:
        """Build the communication, which binds this node's address."""
        comm_class, options = factory.unpack(comm_configs, "comm")
        self.addresses_filepath = options.get("addresses_filepath")  # scripts read it
        if "max_message" in parameters(comm_class):
            options = {"max_message": self.largest_message(), **options}
        n_procs = self.graph.n_procs
        self.communication = comm_class(
            self.rank, self.machine_id, self.mapping, n_procs, **options
        )

    def largest_message(self) -> int:
        """Return the bytes that a part of a message may have; 0 for no limit.

        Three times the model: its numbers, their places, and what a codec may add.
        """
        if not hasattr(self, "model"):
            return 0
        numbers: int = sum(part.numel() for part in self.model.state_dict().values())
        return 3 * 4 * numbers + SMALL_MESSAGE

    def init_sharing(self, sharing_configs: Section) -> None:
        """Build the sharing."""
        self.sharing = factory.build(
            sharing_configs,
            "sharing",
            self.rank,
            self.machine_id,
            self.communication,
            self.mapping,
            self.graph,
            self.model,
            self.dataset,
            self.log_dir,
        )
        self.sharing.nonfinite = self.nonfinite

    def init_node(self, node_configs: Section) -> None:
        """Take what the class reads of section NODE; nothing here."""
