"""A node's state: what it needs to go on as if it had never stopped."""

import logging
import random
from typing import Any

import networkx as nx
import numpy as np
import torch

from decentralizepy.checkpoints import Checkpoints
from decentralizepy.errors import ConfigError
from decentralizepy.node import process
from decentralizepy.node._identity import differences
from decentralizepy.node._state import (
    Tensors,
    attributes,
    generators,
    pack,
    restore,
    unpack,
)

logger = logging.getLogger(__name__)

PARTS = ("model", "sharing", "trainer", "schedule")
COUNTERS = ("total_bytes", "total_meta", "total_data")
FREE = {"iterations", "the round to start from"}  # what may differ after a resume
LARGE = 128  # nodes, above which the diameter of a graph takes too long


class Checkpointer:
    """A node's checkpoints: written when they are due, and resumed from at the start.

    Parameters
    ----------
    node : Rounds
    every : int, default 0
        Rounds between two checkpoints; 0: none are written.
    """

    def __init__(self, node: Any, every: int = 0) -> None:
        self.node, self.every = node, every
        self.files = Checkpoints(node.log_dir, node.rank, every)

    @property
    def kept(self) -> int:
        """How many are kept, for a node may be as many rounds ahead as others lag."""
        return max_round_lag(self.node.graph) // self.every + 2

    def resume(self) -> None:
        """Resume from the checkpoint that the launcher chose, if it did."""
        if number := self.node.first_round:
            self.go_back_to(number)
            self.node.iteration = number - 1
        self.files.forget_after(number)

    def go_back_to(self, number: int) -> None:
        """Give the node the state of the checkpoint after ``number`` rounds."""
        restore_node(self.node, *self.files.read(number))

    def write_if_due(self, number: int) -> None:
        """Write a checkpoint after ``number`` rounds, if that is a multiple of ``every``."""
        if self.every and number % self.every == 0:
            self.write(number)

    def write(self, number: int) -> None:
        """Write the state after ``number`` rounds; the run goes on if the disk is full."""
        state, tensors = state_of(self.node)
        try:
            self.files.write(number, state, tensors, self.kept)
        except OSError as error:
            logger.warning("no checkpoint of round %d: %s", number, error)


def state_of(node: Any) -> tuple[dict[str, Any], Tensors]:
    """Return a node's state as JSON, and its tensors by the names that stand there."""
    tensors: Tensors = {}
    state: dict[str, Any] = {
        "identity": node.identity,
        "parameters": pack(node.model.state_dict(), tensors, "parameters"),
        "node": {
            name: pack(getattr(node, name), tensors, f"node.{name}")
            for name in node.checkpointed
        },
        "counters": [getattr(node.communication, name) for name in COUNTERS],
        "dataset": generators(node.dataset, tensors, "dataset"),
        "process": _own_generators(tensors),
    }
    for name in PARTS:
        if part := getattr(node, name, None):
            state[name] = attributes(part, tensors, name)
    if optimizer := getattr(node, "optimizer", None):
        state["optimizer"] = pack(optimizer.state_dict(), tensors, "optimizer")
    return state, tensors


def restore_node(node: Any, state: dict[str, Any], tensors: Tensors) -> None:
    """Give a node the state that :func:`state_of` returned.

    Raises
    ------
    ConfigError
        If it is the state of a node that was made from something else.
    """
    differing = [
        name
        for name in differences(node.identity, [*state["identity"].values()])
        if name not in FREE
    ]
    if differing:
        raise ConfigError(
            f"uid {node.uid} cannot go on from its checkpoint, which is of a run with "
            f"another {', '.join(differing)}"
        )
    node.model.load_state_dict(unpack(state["parameters"], tensors))
    restore(node, state["node"], tensors)
    restore(node.dataset, state["dataset"], tensors)
    for name in PARTS:
        if part := getattr(node, name, None):
            restore(part, state[name], tensors)
    if optimizer := getattr(node, "optimizer", None):
        optimizer.load_state_dict(unpack(state["optimizer"], tensors))
    for name, value in zip(COUNTERS, state["counters"], strict=True):
        setattr(node.communication, name, value)
    _restore_own_generators(state["process"], tensors)


def max_round_lag(graph: Any) -> int:
    """Return how many rounds apart two nodes that wait for each other may be, at most."""
    if not graph.fixed or graph.n_procs > LARGE or not graph.is_connected():
        return int(graph.n_procs)
    return int(nx.diameter(graph.to_networkx()))


def _own_generators(tensors: Tensors) -> Any:
    """Return the state of the process's own generators: foreign code and dropout."""
    if not process.is_own():
        return None
    states = (random.getstate(), np.random.get_state(), torch.get_rng_state())
    return pack(states, tensors, "process")


def _restore_own_generators(form: Any, tensors: Tensors) -> None:
    if form is None or not process.is_own():
        return
    python, numpy, drawn = unpack(form, tensors)
    random.setstate(python)
    np.random.set_state(numpy)
    torch.set_rng_state(drawn)
