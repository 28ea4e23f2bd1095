"""Digests of what must be the same on all nodes of a run, sent when they greet."""

import json
import zlib
from typing import Any

from decentralizepy import factory
from decentralizepy.config.alike import LOCAL, SECTIONS
from decentralizepy.config.run_section import RunSection
from decentralizepy.config.signatures import Options
from decentralizepy.config.text import KINDS
from decentralizepy.graphs.digest import digest
from decentralizepy.models.flat import tensors
from decentralizepy.once import once

Identity = dict[str, int | None]

TO_AGREE = -1
PROTOCOL = 3  # version of the message format; nodes with different ones cannot talk
POLICIES = ("on_peer_loss", "nonfinite")  # of section FAULTS; its timeouts may differ


def identify(node: Any, config: dict[str, dict[str, Any]]) -> Identity:
    """Return digests of a node's configuration, by names that users know."""
    identity: Identity = {"protocol": PROTOCOL, "iterations": node.iterations}
    for name in SECTIONS:
        identity[f"[{name}]"] = _digest(_resolved(name, config.get(name, {})))
    identity["[NODE]"] = _digest(config.get("NODE", {}))
    churn = getattr(node, "churn", None)
    identity["[CHURN]"] = _digest(churn and churn.said)
    mapping, graph = node.mapping, node.graph
    identity["[MAPPING]"] = once(mapping, "places", lambda: _digest(_places(mapping)))
    shapes = [[name, list(part.shape)] for name, part in tensors(node.model).items()]
    identity["model"] = _digest(shapes)
    section = config.get("GRAPH")
    known = "edges", _text(section)
    identity["graph"] = once(graph, known, lambda: digest(graph, section))
    faults = config.get("FAULTS", {})
    identity["[FAULTS]"] = _digest({name: faults.get(name) for name in POLICIES})
    run = RunSection.of(config.get("RUN", {}))
    identity |= run.fingerprint
    start = None if node.server_driven else node.first_round
    if run.rounds is not None:  # the nodes agree on the round after the greetings
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


def _resolved(name: str, section: dict[str, Any]) -> dict[str, Any]:
    """Return what a section says, without options that have their default value."""
    shared = {key: value for key, value in section.items() if key not in LOCAL}
    prefix = KINDS[name].prefix
    if f"{prefix}_class" not in shared:  # a driver's own node does without
        return shared
    cls, options = factory.unpack(shared, prefix)
    known = Options.of(cls).known
    chosen = {
        key: _plain(value)
        for key, value in {**shared, **options}.items()
        if key not in known or not _is_default(known[key].default, value)
    }
    return {**chosen, f"{prefix}_package": cls.__module__}


def _is_default(default: Any, value: Any) -> bool:
    """Return whether a value is the default of its option, or empty where that means it."""
    means_it = value == "" and not isinstance(default, str)
    return means_it or _text(_plain(value)) == _text(_plain(default))


def _plain(value: Any) -> Any:
    """Return a value such that numbers, and series of them, are equal as JSON if equal."""
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, (bool, float)) and value == value // 1:
        return int(value)
    return value


def _places(mapping: Any) -> Any:
    """Return the machine and rank of each node, and the machine of services."""
    nodes = range(mapping.get_n_procs())
    service = getattr(mapping, "global_service_machine", 0)
    return [service, *(mapping.get_machine_and_rank(uid) for uid in nodes)]


def _digest(value: Any) -> int:
    return zlib.crc32(_text(value).encode())


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
