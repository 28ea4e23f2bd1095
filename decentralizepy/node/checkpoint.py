"""A node's state: what it needs to go on as if it had never stopped."""

import random
from typing import Any

import networkx as nx
import numpy as np
import torch

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

PARTS = ("model", "sharing", "trainer", "schedule")
COUNTERS = ("total_bytes", "total_meta", "total_data")
FREE = {"iterations", "the round to start from"}  # what may differ after a resume
LARGE = 128  # nodes, above which the diameter of a graph takes too long


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
