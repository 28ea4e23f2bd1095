"""The base class of all learning nodes."""

import logging
import sys
import weakref
from collections.abc import Callable
from typing import Any

import torch

from decentralizepy import factory
from decentralizepy.attacks.byzantine import Malice, byzantine_uids
from decentralizepy.node._identity import identify
from decentralizepy.node.Node import Section
from decentralizepy.node.rounds import Rounds
from decentralizepy.randomness import seed_of

logger = logging.getLogger(__name__)


class LiveNode(Rounds):
    """A node that learns in rounds; instantiating it builds it and runs it to the end.

    The rounds are implemented in :class:`~decentralizepy.node.rounds.Rounds`.

    Parameters
    ----------
    rank, machine_id, mapping, graph, config
        As for :class:`~decentralizepy.node.Node.Node`.
    iterations : int, default 1
        Number of rounds.
    log_dir : str, default "."
        Folder for the log and the results.
    weights_store_dir : str, default "."
        Folder for the final weights, ``<last round index>_weight_<uid>.pt``.
    log_level : int, default logging.INFO
    test_after, train_evaluate_after : int, default 5 and 1
        Rounds between evaluations on test data, and of the training loss.
    reset_optimizer : int, default 1
        If 1, start with a new optimizer after every averaging.
    service_uid : int, default -1
        The parameter server or peer sampler, for classes that use one.
    """

    service_uid = -1
    keywords: tuple[str, ...] = ()
    """Additional arguments, which set the attributes of the same name."""
    _replaced: Callable[[], torch.optim.Optimizer | None] = staticmethod(lambda: None)
    """Returns the optimizer that was replaced last, if anything still refers to it."""
    _told: frozenset[str] = frozenset()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        for name in self.keywords:
            if name in kwargs:
                setattr(self, name, kwargs.pop(name))
        super().__init__(*args, **kwargs)

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
            rank,
            machine_id,
            mapping,
            graph,
            iterations,
            log_dir,
            weights_store_dir,
            test_after,
            train_evaluate_after,
            reset_optimizer,
        )
        for name, value in zip(self.keywords or ("service_uid",), args, strict=False):
            setattr(self, name, value)
        self.build_and_greet(config)

    def init_parts(self, config: dict[str, Section]) -> None:
        self.init_checkpoints(config.get("RUN", {}))
        self.init_dataset_model(config["DATASET"])
        self.init_optimizer(config["OPTIMIZER_PARAMS"])
        self.init_trainer(config["TRAIN_PARAMS"])
        self.warn_of_scheduler()
        self.init_scheduler(config.get("LR_SCHEDULER", {}))
        self.init_comm(config["COMMUNICATION"])
        self.init_sharing(config["SHARING"])
        self.init_churn(config)
        self.init_attack(config)
        self.init_observer(config)
        self.init_node(config.get("NODE", {}))
        self.identity = identify(self, config)

    def init_attack(self, config: dict[str, Section]) -> None:
        """Make the node Byzantine, if section ATTACK says that it is."""
        section = config.get("ATTACK")
        if not section:
            return
        part = factory.unpack(section, "attack")
        self.attack = part.build(self.uid, seed_of(self.dataset))
        uids = byzantine_uids(config, self.graph)
        if self.uid in uids:
            self.attack.vector = self.sharing.flat.vector
            self.attack.check(self.dataset)
            self.attack.corrupt(self.trainer, self.dataset)
            self.malice = Malice(self.attack, uids, section.get("start", 0))

    def warn_of_scheduler(self) -> None:
        """Warn that a learning-rate scheduler of the trainer will have no effect."""
        renewed = type(self.trainer).reset_optimizer.__module__
        if self.reset_optimizer and renewed.startswith("decentralizepy."):
            self._warn_of_schedulers(self.optimizer)

    def renew_optimizer(self) -> None:
        if (replaced := self._replaced()) is not None:
            self._warn_of_schedulers(replaced)  # which were made in a round
        self._replaced = weakref.ref(self.optimizer)
        super().renew_optimizer()

    def _warn_of_schedulers(self, optimizer: torch.optim.Optimizer) -> None:
        """Warn once of each scheduler of an optimizer that is, or will be, replaced."""
        kept = {
            name
            for name, value in vars(self.trainer).items()
            if isinstance(value, torch.optim.lr_scheduler.LRScheduler)
            and value.optimizer is optimizer
        }
        for name in sorted(kept - self._told):
            text = (
                f"{type(self.trainer).__name__}.{name} has no effect, because the "
                "optimizer is replaced after every averaging; --reset_optimizer 0 keeps it"
            )
            logger.warning(text)
            if self.rank == 0:  # it is the same for the others
                print(f"warning: {text}", file=sys.stderr)
        self._told = self._told | kept

    def initial_peers(self) -> set[int]:
        """Return this node's neighbors, both receivers and senders."""
        receivers: set[int] = self.graph.neighbors(self.uid)
        senders: set[int] = self.graph.in_neighbors(self.uid)
        return receivers | senders

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
        reset_optimizer: int,
    ) -> None:
        """Store the arguments, and the uid derived from them."""
        super().cache_fields(rank, machine_id, mapping, graph, iterations, log_dir)
        self.weights_store_dir = weights_store_dir
        self.test_after = test_after
        self.train_evaluate_after = train_evaluate_after
        self.reset_optimizer = reset_optimizer
