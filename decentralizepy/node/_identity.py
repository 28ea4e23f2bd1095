"""Digests of what must be the same on all nodes of a run, sent when they greet."""

import json
import zlib
from typing import Any

from decentralizepy.config.run_section import RunSection
from decentralizepy.models.flat import tensors

Identity = dict[str, int | None]

TO_AGREE = -1
PROTOCOL = 3  # version of the message format; nodes with different ones cannot talk
SECTIONS = ("DATASET", "OPTIMIZER_PARAMS", "TRAIN_PARAMS", "SHARING", "NODE")
POLICIES = ("on_peer_loss", "nonfinite")  # of section FAULTS; its timeouts may differ
LOCAL = {"train_dir", "test_dir", "images_dir", "device", "compile"}  # may differ


def identify(node: Any, config: dict[str, dict[str, Any]]) -> Identity:
    """Return digests of a node's configuration, by names that users know."""
    identity: Identity = {"protocol": PROTOCOL, "iterations": node.iterations}
    for name in SECTIONS:
        section = config.get(name, {})
        shared = {key: section[key] for key in section if key not in LOCAL}
        identity[f"[{name}]"] = _digest(shared)
    shapes = [[name, list(part.shape)] for name, part in tensors(node.model).items()]
    identity["model"] = _digest(shapes)
    identity["graph"] = _digest(_edges(node.graph, config.get("GRAPH")))
    faults = config.get("FAULTS", {})
    identity["[FAULTS]"] = _digest({name: faults.get(name) for name in POLICIES})
    run = RunSection.of(config.get("RUN", {}))
    identity |= run.fingerprint
    start = None if node.server_driven else node.first_round
    if run.rounds:  # the nodes agree on the round after the greetings
        start = TO_AGREE
    return {**identity, "the round to start from": start}


def differences(mine: Identity, theirs: object) -> list[str]:
    """Return the names for which ``theirs``, the values of an identity, differ.

    A value of None matches anything, and so does the missing identity of a foreign node.
    """
    if not mine or not isinstance(theirs, list) or not theirs:
        return []
    if len(theirs) != len(mine):
        return ["protocol"]
    pairs = zip(mine.items(), theirs, strict=True)
    return [
        name
        for (name, own), value in pairs
        if None not in (own, value) and own != value
    ]


def _edges(graph: Any, section: Any) -> Any:
    kind = [type(graph).__name__, graph.n_procs]
    if not getattr(graph, "fixed", False):
        return [kind, section]  # its seed
    return [kind, [sorted(graph.neighbors(uid)) for uid in range(graph.n_procs)]]


def _digest(value: Any) -> int:
    return zlib.crc32(json.dumps(value, sort_keys=True, default=str).encode())
