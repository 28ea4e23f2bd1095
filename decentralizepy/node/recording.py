"""What a node measures in a round: its model, its bytes, its waits."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt
import torch

from decentralizepy.attacks.byzantine import Malice
from decentralizepy.config.observers import SECTION, observer_uids
from decentralizepy.files import write_atomic
from decentralizepy.message import Message
from decentralizepy.models.Model import Model
from decentralizepy.node import process
from decentralizepy.node.attendance import Attendance
from decentralizepy.node.early_stop import mean_over_nodes
from decentralizepy.node.observer import Observer
from decentralizepy.node.round_models import RoundModels
from decentralizepy.randomness import seed_of
from decentralizepy.results.lines import (
    BYZANTINE,
    DOWN,
    LOST_MESSAGES,
    STOPPED,
    SUCCESS,
)
from decentralizepy.results.schedule import ALL, MEAN_MODEL, Evaluators, Schedule
from decentralizepy.results.sketch import NAME as SKETCH, sketch
from decentralizepy.results.write import Results

logger = logging.getLogger(__name__)


class Recording(Attendance):
    """A node that evaluates its model when that is due, and records every round."""

    evaluators: str | int = ALL
    """Which nodes evaluate (``all``, ``mean_model`` or how many)."""
    attack: Any = None
    """The attack that the nodes of section ATTACK carry out, to measure its success."""
    malice: Malice | None = None
    """What makes the node Byzantine, if it is."""
    observer: Observer | None = None
    """What records the messages that the node receives, if anything does."""
    target_accuracy = 0.0
    """The mean test accuracy of all nodes that ends the run, in percent; 0 for none."""
    mean_accuracy = 0.0
    """This mean in the last test."""
    server_driven = False
    """Whether the node only takes part in rounds in which a server asks it to."""
    checkpointed: tuple[str, ...] = ("mean_accuracy",)
    """Names of the node's own attributes that a checkpoint keeps, besides its parts."""
    schedule: Schedule
    results: Results
    weights_store_dir: str

    def init_observer(self, config: Mapping[str, Any]) -> None:
        """Record what the node receives, if section OBSERVER says that it does."""
        if self.uid in observer_uids(config):
            every = config[SECTION].get("every", 1)
            self.observer = Observer(self.uid, self.log_dir, every)

    def observe(self, messages: Mapping[int, Message]) -> None:
        """Record this round's messages before they are averaged."""
        if self.observer is not None:
            received = {uid: messages[uid] for uid in messages.keys() - self.lost_peers}
            self.observer.note(self.iteration + 1, self.sharing, received)

    def record(self) -> None:
        """Run the evaluations that are due, and write this round's line of results."""
        timed = self.recorder.take()  # before evaluations, which take no virtual time
        train_due, test_due = self.schedule.step()
        measured: dict[str, Any] = {}
        if (train_due or test_due) and self.is_evaluator():
            measured |= self.evaluate_due(train_due, test_due)
        if train_due or test_due:
            measured[SKETCH] = self.sketch_model()
            measured |= self.privacy_spent()
        if test_due and self.evaluators == MEAN_MODEL and self.dataset.__testing__:
            self.hand_in_model()
        if test_due and self.target_accuracy and not self.server_driven:
            measured |= self.compare_to_target(measured.get("test_acc"))
        measured |= self.count_bytes() | self.take_waits() | self.state_of_network()
        self.results.add(self.iteration + 1, measured | timed)
        if test_due:
            self.results.write()

    def state_of_network(self) -> dict[str, Any]:
        """Return whether the node is Byzantine or down, and what it did not get."""
        rejected = getattr(self.communication, "rejected", 0)
        found = {
            BYZANTINE: self.malice is not None,
            DOWN: not self.is_up(),
            LOST_MESSAGES: self.lost_messages,
            "lost_peers": sorted(self.lost_peers),
            "rejected": rejected,
        }
        return {name: value for name, value in found.items() if value}

    def compare_to_target(self, accuracy: float | None) -> dict[str, float]:
        """Return the mean accuracy of all nodes, and whether it ends the run.

        A parameter server compares its own model's.
        """
        if self.malice is not None:
            accuracy = None
        own = float("nan") if accuracy is None else accuracy
        mean = own if self.rank < 0 else mean_over_nodes(self, accuracy)
        self.mean_accuracy = mean
        reached = {STOPPED: True} if self.target_reached else {}
        return {"mean_test_acc": mean, **reached}

    @property
    def target_reached(self) -> bool:
        """Whether the last mean accuracy of all nodes was the target, or above."""
        return 0 < self.target_accuracy <= self.mean_accuracy

    def is_evaluator(self) -> bool:
        """Return whether this node evaluates in this round, if that is due."""
        nodes, seed = self.mapping.get_n_procs(), seed_of(self.dataset)
        return Evaluators(self.evaluators, nodes, seed).include(
            self.uid, self.iteration
        )

    def hand_in_model(self) -> None:
        """Write the model where the launcher averages those of all nodes."""
        models = RoundModels(
            self.log_dir, self.iteration + 1, self.mapping.get_n_procs()
        )
        try:
            models.put(self.uid, self.model)
        except OSError as error:
            text = "round %d: not in the mean model, which is not tested: %s"
            logger.warning(text, self.iteration + 1, error)

    def evaluate_due(self, train: bool, test: bool) -> dict[str, float]:
        """Run the evaluations that are due, in turn with other nodes of this machine."""
        local_nodes = self.mapping.get_local_procs_count()
        patience = self.peer_timeout / 4  # peers wait for this node meanwhile
        with process.turn(self.log_dir, self.rank, local_nodes, patience):
            measured = self.evaluate_train() if train else {}
            return measured | (self.evaluate() if test else {})

    def evaluate_train(self) -> dict[str, float]:
        """Return the loss on the node's own partition of the training data."""
        return {"train_loss": self.trainer.eval_loss(self.dataset)}

    def evaluate(self) -> dict[str, float]:
        """Return losses and accuracies (percent) on the test and validation sets."""
        measured: dict[str, float] = {}
        if self.dataset.__testing__:
            accuracy, loss = self.dataset.test(self.model, self.loss)
            measured |= {"test_acc": accuracy, "test_loss": loss}
            measured |= self.success_of_attack()
        if self.dataset.__validating__:
            accuracy, loss = self.dataset.validate(self.model, self.loss)
            measured |= {"validation_acc": accuracy, "validation_loss": loss}
        return measured

    def success_of_attack(self) -> dict[str, float]:
        """Return how often an attack succeeds (percent), if it says what that is."""
        if self.attack is None:
            return {}
        rate = self.attack.success(self.model, self.dataset)
        return {} if rate is None else {SUCCESS: rate}

    def sketch_model(self) -> list[float]:
        """Return a few numbers from which readers compute the consensus distance."""
        parts = (each.detach() for each in self.model.parameters())
        return sketch(map(_numbers, parts), seed_of(self.dataset))

    def privacy_spent(self) -> dict[str, float]:
        """Return what the trainer and the sharing say that their noise promises so far."""
        found: dict[str, float] = {}
        for name in ("trainer", "sharing"):
            spent = getattr(getattr(self, name, None), "privacy_spent", None)
            if spent is not None:
                found |= spent()
        return found

    def count_bytes(self) -> dict[str, int]:
        """Return the transport's counters, cumulative since the start."""
        total, meta, data = self.bytes_sent()
        return {
            "total_bytes": total,
            "total_meta": meta,
            "total_data_per_n": data,
            "total_control": getattr(self.communication, "total_control", 0),
        }

    def bytes_sent(self) -> tuple[int, int, int]:
        """Return the bytes sent so far: the total, all but ``params``, and ``params``."""
        transport = self.communication
        return transport.total_bytes, transport.total_meta, transport.total_data

    def store(self) -> None:
        """Write the final weights, and how often each of them was sent, if counted."""
        counter = getattr(self.model, "shared_parameters_counter", None)
        if counter is not None:
            path = Path(self.log_dir) / f"{self.rank}_shared_parameters.json"
            write_atomic(path, json.dumps(counter.tolist()))
        place = (self.weights_store_dir, self.uid, self.iteration)
        if hasattr(self.model, "dump_weights"):
            self.model.dump_weights(*place)
        else:  # a plain torch.nn.Module
            Model.dump_weights(self.model, *place)


def _numbers(tensor: torch.Tensor) -> npt.NDArray[Any]:
    """Return a tensor's entries as floats; complex ones as pairs."""
    real = torch.view_as_real(tensor) if tensor.is_complex() else tensor
    return real.reshape(-1).float().cpu().numpy()
