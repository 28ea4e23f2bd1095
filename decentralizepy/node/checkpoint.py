"""A node's state: what it needs to continue as if it had never stopped."""

import logging
import random
import sys
from collections.abc import Mapping
from typing import Any

import networkx as nx
import numpy as np
import torch

from decentralizepy.checkpoints import (
    Checkpoints,
    attributes,
    generators,
    set_attributes,
    stated,
)
from decentralizepy.errors import ConfigError
from decentralizepy.node import process
from decentralizepy.node._identity import differences
from decentralizepy.node._state import Decoder, Encoder, Tensors

logger = logging.getLogger(__name__)

State = dict[str, Any]

PARTS = ("sharing", "trainer", "schedule", "dataset", "model")
# what is kept by itself, or not at all, where another part refers to it
REFERRED = ("optimizer", "communication", "mapping", "graph", "loss")
COUNTERS = ("total_bytes", "total_meta", "total_data", "total_control")
# what may differ after a resume: flags, and code that a user has mended
FREE = {
    "iterations",
    "the round to start from",
    "--reset_optimizer",
    "source of plug-ins",
    "version of decentralizepy",
}
LARGE = 128  # nodes, above which the diameter of a graph takes too long
_TORCH = frozenset(vars(torch.nn.Module()))


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
        self._names: dict[str, set[str]] = {}  # by part, at the start
        self._told: set[str] = set()

    @property
    def kept(self) -> int:
        """How many are kept, for a node may be as many rounds ahead as others lag."""
        return max_round_lag(self.node.graph) // self.every + 2

    def survey(self) -> None:
        """Say, before the first round, what checkpoints cannot keep."""
        states = part_states(self.node)
        self._names = {name: set(state) for name, state in states.items()}
        if self.every:
            encoder = Encoder(referred(self.node))
            for name, state in states.items():
                encoder.encode(state, name)
            self._tell(encoder.left)

    def resume(self) -> None:
        """Resume from the checkpoint that the launcher chose, if it did."""
        if number := self.node.first_round:
            self.go_back_to(number)
            self.node.iteration = number - 1
        self.files.forget_after(number)

    def go_back_to(self, number: int) -> None:
        """Give the node the state of the checkpoint after ``number`` rounds."""
        state, tensors = self.files.read(number)
        restore_node(self.node, state, tensors)

    def write_if_due(self, number: int) -> None:
        """Write a checkpoint after ``number`` rounds, if that is a multiple of ``every``."""
        if self.every and number % self.every == 0:
            self.write(number)

    def write(self, number: int) -> None:
        """Write the state after ``number`` rounds; the run goes on if the disk is full."""
        states = {
            name: self._known(name, state)
            for name, state in part_states(self.node).items()
        }
        state, tensors = state_of(self.node, states)
        try:
            self.files.write(number, state, tensors, self.kept)
        except OSError as error:
            logger.warning("no checkpoint of round %d: %s", number, error)

    def _known(self, name: str, state: State) -> State:
        """Leave out attributes that a node that resumes would not know as state."""
        names = self._names.get(name, set(state))
        names = names | stated(getattr(self.node, name), "checkpointed")
        late = {f"{name}.{each} (made after the start)" for each in set(state) - names}
        self._tell(sorted(late - self._told))
        self._told |= late
        return {each: state[each] for each in state if each in names}

    def _tell(self, left: list[str]) -> None:
        if left:
            text = f"checkpoints do not keep {', '.join(left)}"
            logger.warning(text)
            if self.node.rank == 0:  # the others have the same
                print(f"warning: {text}", file=sys.stderr)


def part_states(node: Any) -> dict[str, State]:
    """Return what a checkpoint keeps of each part that a node has, by attribute."""
    parts = {name: getattr(node, name, None) for name in PARTS}
    return {
        name: state_of_part(name, part)
        for name, part in parts.items()
        if part is not None
    }


def state_of_part(name: str, part: Any) -> State:
    """Return the state of a part: what it says, or else its attributes."""
    if name == "model":  # beside its parameters and buffers
        own = attributes(part)
        return {each: own[each] for each in own if each not in _TORCH}
    if says_its_state(part):
        state: State = part.state_dict()
        return state
    return generators(part) if name == "dataset" else attributes(part)


def load_part(name: str, part: Any, state: Mapping[str, Any]) -> None:
    """Give a part the state that :func:`state_of_part` returned."""
    if name != "model" and says_its_state(part):
        part.load_state_dict(state)
    else:
        known = state_of_part(name, part).keys() | stated(part, "checkpointed")
        set_attributes(part, {each: state[each] for each in known & state.keys()})


def says_its_state(part: Any) -> bool:
    """Tell whether a part has methods that a checkpoint asks."""
    return hasattr(part, "state_dict") and hasattr(part, "load_state_dict")


def referred(node: Any) -> list[Any]:
    """Return the objects that are no part of another part's state."""
    found = [getattr(node, name, None) for name in (*PARTS, *REFERRED)]
    found.append(getattr(getattr(node, "sharing", None), "compressor", None))
    return [each for each in found if each is not None]


def state_of(node: Any, states: Mapping[str, State]) -> tuple[State, Tensors]:
    """Return a node's state as JSON, and its tensors by the names that stand there."""
    encoder = Encoder(referred(node))
    parts: State = {
        "parameters": node.model.state_dict(),
        "node": node.state_dict(),
        "process": _own_generators(),
        **states,
    }
    if optimizer := getattr(node, "optimizer", None):
        parts["optimizer"] = optimizer.state_dict()
    state = {name: encoder.encode(part, name) for name, part in parts.items()}
    control = getattr(node.communication, "total_control", 0)
    counters = [*node.bytes_sent(), control]
    state |= {"identity": node.identity, "counters": counters}
    return state, encoder.tensors


def restore_node(node: Any, state: State, tensors: Tensors) -> None:
    """Give a node the state that :func:`state_of` returned.

    Raises
    ------
    ConfigError
        If it is the state of a node that was made from something else.
    """
    _check_identity(node, state["identity"])
    decoder = Decoder(tensors)
    node.model.load_state_dict(decoder.decode(state["parameters"]))
    node.load_state_dict(decoder.decode(state["node"], node.state_dict()))
    for name, live in part_states(node).items():
        part = getattr(node, name)
        load_part(name, part, decoder.decode(state[name], live))
    if optimizer := getattr(node, "optimizer", None):
        optimizer.load_state_dict(decoder.decode(state["optimizer"]))
    for name, value in zip(COUNTERS, state["counters"], strict=True):
        setattr(node.communication, name, value)
    _restore_own_generators(decoder.decode(state["process"]))


def _check_identity(node: Any, identity: dict[str, Any]) -> None:
    differing = [
        name
        for name in differences(node.identity, [*identity.values()])
        if name not in FREE
    ]
    if differing:
        raise ConfigError(
            f"uid {node.uid} cannot go on from its checkpoint, which is of a run with "
            f"another {', '.join(differing)}"
        )


def max_round_lag(graph: Any) -> int:
    """Return how many rounds apart two nodes that wait for each other may be, at most."""
    if not graph.fixed or graph.n_procs > LARGE or not graph.is_connected():
        return int(graph.n_procs)
    return int(nx.diameter(graph.to_networkx()))


def _own_generators() -> Any:
    """Return the state of the process's own generators: foreign code and dropout."""
    if not process.is_own():
        return None
    return random.getstate(), np.random.get_state(), torch.get_rng_state()


def _restore_own_generators(states: Any) -> None:
    if states is None or not process.is_own():
        return
    python, numpy, drawn = states
    random.setstate(python)
    np.random.set_state(numpy)
    torch.set_rng_state(drawn)
