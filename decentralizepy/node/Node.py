"""The base class of all nodes and services, which builds their parts."""

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
from decentralizepy.models.decay import parameter_groups
from decentralizepy.models.flat import tensors
from decentralizepy.models.lazy import materialize
from decentralizepy.network.clock import Timed
from decentralizepy.network.record import Recorder, Unrecorded
from decentralizepy.node import process
from decentralizepy.node._identity import Identity
from decentralizepy.node.handshakes import Handshakes
from decentralizepy.randomness import DEFAULT_SEED, Purpose, derive_seed, seed_of

Section = dict[str, Any]

LOG_FORMAT = "[%(asctime)s][%(module)s][%(levelname)s] %(message)s"
SMALL_MESSAGE = 1 << 20  # bytes


class Node(Handshakes):
    """The parts of a node; the class does not run by itself.

    Subclasses call the ``init_`` methods they need, in the order defined here, then
    ``connect_neighbors`` (the start barrier) and finally ``disconnect_neighbors``.

    Parameters
    ----------
    rank : int
        Number of the process on its machine; negative for a service.
    machine_id : int
    mapping : Mapping
        Maps (rank, machine) to uid, and back.
    graph : Graph
        Which uids are neighbors.
    config : dict of dict
        The sections of the INI file.

    Attributes
    ----------
    my_neighbors : set of int
    barrier : set of int
        The uids that have greeted this node and not yet said goodbye.
    peer_deques : dict of int to deque
        Models received but not yet averaged, by sender.
    start_timeout : float
        Time limit of the start barrier, in seconds.
    on_peer_loss : str
        ``abort``, ``drop`` or ``restart``, from section FAULTS.
    lost_peers : set of int
        Lost uids, which this node continues without.
    greeted : set of int
        Uids that this node has greeted, also before its checkpoint.
    first_round : int
        The round in which the node starts: 0, or where its checkpoint ends.
    identity : dict
        Digests of what must be the same on all nodes of a run.
    recorder : Recorder
        Notes what takes virtual time, if a network is emulated.
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
    greeted: set[int]
    identity: Identity
    logger: logging.Logger
    recorder: Unrecorded

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        check_overrides(cls)
        node = super().__new__(cls)
        node.barrier, node.peer_deques = set(), {}
        node.sent_disconnections = False
        node.lost_peers, node.greeted, node.identity = set(), set(), {}
        node.logger = logging.Logger("")
        node.recorder = Unrecorded()
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
        """Check what the class reads from ``config``, before any process starts.

        Raises
        ------
        ConfigError
            If an option of section NODE is missing or invalid, or if the graph does not
            suit the class.
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
        """Store the node's place in the network, and the uid derived from it."""
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

        Without ``force``, logging that the process has already set up is left alone.
        """
        handler = process.log_file(os.path.join(log_dir, f"{rank}.log"))
        handler.setFormatter(logging.Formatter(LOG_FORMAT))
        self.logger = logging.Logger(f"{rank}", log_level)
        self.logger.addHandler(handler)
        if process.is_private() and (force or not logging.getLogger().handlers):
            process.log_to(handler, log_level)

    def close_log(self) -> None:
        """Close the log file; a later message opens it again."""
        for handler in self.logger.handlers:
            with suppress(OSError):  # on a full disk
                handler.close()

    def init_limits(self, config: Section) -> None:
        """Read section FAULTS: time limits in seconds, and how to react to failures."""
        for name in ("start_timeout", "peer_timeout", "warn_after"):
            setattr(self, name, float(config.get(name, getattr(self, name))))
        self.on_peer_loss = config.get("on_peer_loss", self.on_peer_loss)
        self.nonfinite = config.get("nonfinite", self.nonfinite)

    def init_dataset_model(self, dataset_configs: Section) -> None:
        """Build the data set, and the model from a seed that all nodes share."""
        seed = dataset_configs.get("random_seed", DEFAULT_SEED)
        process.seed(seed)
        part = factory.unpack(dataset_configs, "dataset")
        self.dataset_class, self.dataset_params = part
        self.dataset = part.build(self.rank, self.machine_id, self.mapping)
        self.model_class = factory.load_model(dataset_configs)
        with process.initial_weights(seed):
            self.model = self.dataset.make_model(self.model_class)
            materialize(self.model, self.dataset)
        # from here on each node draws its own numbers, so that dropout differs
        process.seed(derive_seed(Purpose.NODE, seed_of(self.dataset), self.uid))

    def init_optimizer(self, optimizer_configs: Section) -> None:
        """Build the optimizer; :meth:`renew_optimizer` rebuilds it."""
        self.optimizer_configs = optimizer_configs
        self.optimizer_class, self.optimizer_params = factory.unpack(
            optimizer_configs, "optimizer"
        )
        all_decay = optimizer_configs.get("decay_norm_and_bias", True)
        self.optimizer: torch.optim.Optimizer = self.optimizer_class(
            parameter_groups(self.model, all_decay), **self.optimizer_params
        )

    def renew_optimizer(self) -> None:
        """Replace the optimizer with a new one, since its momentum is outdated."""
        self.init_optimizer(self.optimizer_configs)
        self._follow_steps()
        self.trainer.reset_optimizer(self.optimizer)

    def init_loss(self, train_configs: Section) -> None:
        """Build the loss function, a mean over the batch."""
        self.loss = factory.load_loss(train_configs)

    def init_trainer(self, train_configs: Section) -> None:
        """Build the loss function and the trainer."""
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
        self.batch(self.trainer)

    def init_scheduler(self, scheduler_configs: Section) -> None:
        """Have a learning-rate scheduler change the optimizer, if the section names one."""
        if scheduler_configs:
            scheduler = factory.unpack(scheduler_configs, "scheduler")
            interval = scheduler_configs.get("interval", "round")
            self.trainer.schedule_rates(scheduler.build, interval)

    def batch(self, part: Any) -> None:
        """Let a part work together with those of other nodes, if the engine does that."""
        if batching := process.batching():
            if hasattr(part, "batch_with"):
                part.batch_with(batching)
            else:
                name = type(part).__name__
                batching.tell(f"steps of {name}", "it has no batch_with")

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

    def init_network(self, config: dict[str, Section]) -> None:
        """Note what takes virtual time, if there is a section NETWORK."""
        if clock := process.clock():
            self.recorder = Timed(clock, self.uid)
            self.now = self.communication.now = clock.now
        elif "NETWORK" in config:
            self.recorder = Recorder()
            self.communication.note_sent = self.recorder.sent

    def largest_message(self) -> int:
        """Return the maximum size of a part of a message in bytes; 0 for no limit.

        Three times the model's size: values, indices, and what a codec may add.
        """
        if not hasattr(self, "model"):
            return 0
        numbers: int = sum(part.numel() for part in tensors(self.model).values())
        return 3 * 4 * numbers + SMALL_MESSAGE

    def init_sharing(self, sharing_configs: Section) -> None:
        """Build the sharing class."""
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
        if getattr(self.sharing, "needs_trainer", False):
            self.sharing.trainer = self.trainer
        self.batch(self.sharing)
        self._follow_steps()

    def _follow_steps(self) -> None:
        """Let a sharing that corrects local steps do so after each of the optimizer's."""
        sharing = getattr(self, "sharing", None)
        if after_step := getattr(sharing, "after_step", None):
            self.optimizer.register_step_post_hook(lambda *_: after_step())

    def init_node(self, node_configs: Section) -> None:
        """Read the class's own options from section NODE; none by default."""
