"""A node's state, with which it continues as if it had never stopped."""

import logging
import random
import sys
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import torch

from decentralizepy.checkpoints import (
    Checkpoints,
    attributes,
    generators,
    set_attributes,
    stated,
)
from decentralizepy.config.due import Due
from decentralizepy.errors import ConfigError
from decentralizepy.node import process
from decentralizepy.node._counters import COUNTERS
from decentralizepy.node._identity import differences
from decentralizepy.node._state import Decoder, Encoder, Tensors
from decentralizepy.once import once

logger = logging.getLogger(__name__)

State = dict[str, Any]

PARTS = ("sharing", "trainer", "schedule", "dataset", "model")
# objects that parts refer to, but that are saved separately or not at all
REFERRED = ("optimizer", "communication", "mapping", "graph", "loss")
# what may change on resume: flags, and code that the user has fixed
FREE = {
    "iterations",
    "the round to start from",
    "--reset_optimizer",
    "--working_rate",
    "--target_accuracy",
    "--test_after",
    "source of plug-ins",
    "version of decentralizepy",
}
LARGE = 128  # number of nodes above which computing the diameter takes too long
_TORCH = frozenset(vars(torch.nn.Module()))


class Checkpointer:
    """Writes a node's checkpoints, and resumes from them.

    Parameters
    ----------
    node : Rounds
    every : int, default 0
        Rounds between checkpoints; 0 to write none.

    Attributes
    ----------
    due : Due or None
        One more, which may be asked for while the node runs.
    """

    due: Due | None = None

    def __init__(self, node: Any, every: int = 0) -> None:
        self.node, self.every = node, every
        self.files = Checkpoints(node.log_dir, node.rank, every)
        self._names: dict[str, set[str]] = {}  # by part, at the start
        self._told: set[str] = set()

    @property
    def kept(self) -> int:
        """The number of checkpoints to keep, since some nodes may be rounds ahead."""
        pause = longest_run(self.node.silent_rounds)  # nodes do not wait during one
        lag = max_round_lag(self.node.graph) * (1 + pause)
        return lag // max(self.every, 1) + 2

    def survey(self) -> None:
        """Warn, before the first round, about what checkpoints do not keep."""
        states = part_states(self.node)
        self._names = {name: set(state) for name, state in states.items()}
        if self.every:
            encoder = Encoder(referred(self.node))
            for name, state in states.items():
                encoder.encode(state, name)
            self._tell(encoder.left)

    def resume(self) -> None:
        """Resume from the checkpoint that the launcher chose, if any."""
        if number := self.node.first_round:
            self.go_back_to(number)
            self.node.iteration = number - 1
        self.files.forget_after(number)

    def go_back_to(self, number: int) -> None:
        """Restore the checkpoint written after ``number`` rounds."""
        state, tensors = self.files.read(number)
        restore_node(self.node, state, tensors)

    def write_if_due(self, number: int) -> None:
        """Write a checkpoint if ``number`` is a multiple of ``every``, or asked for."""
        is_due = self.every and number % self.every == 0
        if self.due:
            self.due.note(self.node.rank, number)
            is_due = is_due or self.due.round == number
        if is_due:
            self.write(number)

    def write(self, number: int) -> None:
        """Write the state after ``number`` rounds; if the disk is full, only log it."""
        self.node.results.flush()
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
        """Leave out attributes that a resuming node would not recognize as state."""
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
            if self.node.rank == 0:  # it is the same for the others
                print(f"warning: {text}", file=sys.stderr)


class AllKept(Checkpointer):
    """Keeps all checkpoints, for nodes that may be any number of rounds apart."""

    @property
    def kept(self) -> int:
        """As many as there can be."""
        return int(self.node.iterations)


def part_states(node: Any) -> dict[str, State]:
    """Return the state of each of a node's parts."""
    parts = {name: getattr(node, name, None) for name in PARTS}
    return {
        name: state_of_part(name, part)
        for name, part in parts.items()
        if part is not None
    }


def state_of_part(name: str, part: Any) -> State:
    """Return the state of a part: its ``state_dict``, or else its attributes."""
    if (
        name == "model"
    ):  # without its parameters and buffers, which are saved separately
        own = attributes(part)
        return {each: own[each] for each in own if each not in _TORCH}
    if says_its_state(part):
        state: State = part.state_dict()
        return state
    return generators(part) if name == "dataset" else attributes(part)


def load_part(name: str, part: Any, state: Mapping[str, Any]) -> None:
    """Restore a part from the state that :func:`state_of_part` returned."""
    if name != "model" and says_its_state(part):
        part.load_state_dict(state)
    else:
        known = state_of_part(name, part).keys() | stated(part, "checkpointed")
        set_attributes(part, {each: state[each] for each in known & state.keys()})


def says_its_state(part: Any) -> bool:
    """Return whether a part has ``state_dict`` and ``load_state_dict``."""
    return hasattr(part, "state_dict") and hasattr(part, "load_state_dict")


def referred(node: Any) -> list[Any]:
    """Return the objects that do not belong to the state of parts referring to them."""
    found = [getattr(node, name, None) for name in (*PARTS, *REFERRED)]
    found.append(getattr(getattr(node, "sharing", None), "compressor", None))
    return [each for each in found if each is not None]


def state_of(node: Any, states: Mapping[str, State]) -> tuple[State, Tensors]:
    """Return a node's state as JSON, and the tensors that it refers to, by name."""
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
    greeted = sorted(node.greeted)
    state |= {"identity": node.identity, "counters": counters, "greeted": greeted}
    return state, encoder.tensors


def restore_node(node: Any, state: State, tensors: Tensors) -> None:
    """Restore a node from the state that :func:`state_of` returned.

    Raises
    ------
    ConfigError
        If the state is from a node with a different configuration.
    """
    _check_identity(node, state["identity"])
    decoder = Decoder(tensors)
    parameters = node.model.state_dict()  # also keeps what no checkpoint can
    node.model.load_state_dict(decoder.decode(state["parameters"], parameters))
    node.load_state_dict(decoder.decode(state["node"], node.state_dict()))
    for name, live in part_states(node).items():
        part = getattr(node, name)
        load_part(name, part, decoder.decode(state[name], live))
    if optimizer := getattr(node, "optimizer", None):
        optimizer.load_state_dict(decoder.decode(state["optimizer"]))
    for name, value in zip(COUNTERS, state["counters"], strict=True):
        setattr(node.communication, name, value)
    node.greeted |= set(state.get("greeted", ()))
    _restore_own_generators(decoder.decode(state["process"]))


def _check_identity(node: Any, identity: dict[str, Any]) -> None:
    differing = [
        name
        for name in differences(node.identity, [*identity.values()])
        if name not in FREE
    ]
    if differing:
        raise ConfigError(
            f"uid {node.uid} cannot resume from its checkpoint: that run had a different "
            f"{', '.join(differing)}"
        )


def longest_run(numbers: Collection[int]) -> int:
    """Return the length of the longest run of consecutive numbers."""
    lengths: dict[int, int] = {}
    for number in sorted(numbers):
        lengths[number] = 1 + lengths.get(number - 1, 0)
    return max(lengths.values(), default=0)


def max_round_lag(graph: Any) -> int:
    """Return the most rounds that two nodes can be apart."""
    return once(graph, "lag", lambda: _max_round_lag(graph))


def _max_round_lag(graph: Any) -> int:
    if not graph.fixed or graph.n_procs > LARGE or not graph.is_connected():
        return int(graph.n_procs)
    return _diameter(graph)


def _diameter(graph: Any) -> int:
    """Return the longest distance of two nodes of a connected graph.

    Without networkx, which takes longer to import than all else of this package.
    """
    edges = np.eye(graph.n_procs, dtype=np.float32)
    for uid in graph.get_all_nodes():
        edges[uid, [*graph.neighbors(uid)]] = 1
    edges = np.maximum(edges, edges.T)
    reached, steps = np.eye(graph.n_procs, dtype=bool), 0
    while not reached.all():
        reached, steps = reached @ edges > 0, steps + 1
    return steps


def _own_generators() -> Any:
    """Return the states of the global generators, which dropout and foreign code use."""
    if not process.is_private():
        return None
    gpus = process.gpu_generators()
    return random.getstate(), np.random.get_state(), torch.get_rng_state(), *gpus


def _restore_own_generators(states: Any) -> None:
    if states is None or not process.is_private():
        return
    python, numpy, drawn, *gpus = states
    random.setstate(python)
    np.random.set_state(numpy)
    torch.set_rng_state(drawn)
    process.restore_gpu_generators(gpus)
