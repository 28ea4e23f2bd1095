"""Checks that the nodes of section OBSERVER exist, and can observe."""

from collections.abc import Iterator
from typing import Any

from decentralizepy.config.observers import SECTION, observer_uids
from decentralizepy.errors import Problem
from decentralizepy.node.FederatedParameterServer import FederatedParameterServer
from decentralizepy.node.rounds import Rounds
from decentralizepy.runs.chosen import Chosen
from decentralizepy.sharing.difference import DifferenceSharing
from decentralizepy.sharing.PowerGossip import PowerGossip
from decentralizepy.sharing.RelaySum import RelaySum
from decentralizepy.sharing.SecureAggregation import SecureAggregation
from decentralizepy.sharing.STC import STC

_NO_MODELS = (PowerGossip, RelaySum, SecureAggregation, STC)
"""Sharing classes whose messages are no models, nor add up to some."""


def observer_fits(chosen: Chosen) -> Iterator[Problem]:
    """Yield a problem if section OBSERVER names nodes that do not exist, or cannot observe."""
    section = chosen.config.get(SECTION)
    if section is None:
        return
    if section.get("nodes") is None:
        yield Problem("missing", section=SECTION, key="nodes")
        return
    for uid in observer_uids(chosen.config):
        if cause := _obstacle(chosen, uid):
            value = section["nodes"]
            yield Problem(cause, section=SECTION, key="nodes", value=value)
            return
    if issubclass(chosen.sharing, DifferenceSharing) and section.get("every", 1) != 1:
        yield Problem(
            f"{chosen.sharing.__name__} sends differences, which only add up to models "
            "if all of them are recorded",
            section=SECTION,
            key="every",
            value=section["every"],
            expected="1",
        )


def _obstacle(chosen: Chosen, uid: int) -> str:
    """Return why a node cannot observe; "" if it can."""
    count, served = chosen.graph.n_procs, chosen.service_class
    if issubclass(chosen.sharing, _NO_MODELS):
        return f"{chosen.sharing.__name__} sends no models that could be recorded"
    if uid >= count or (uid < 0 and not _averages(served)):
        return f"there is no node {uid}; expected 0 to {count - 1}"
    own = getattr(chosen.node_class, "round", None)
    if uid >= 0 and own is not Rounds.round:
        return f"{chosen.node_class.__name__} has its own round, which records nothing"
    return ""


def _averages(service: Any) -> bool:
    known = getattr(service, "round", None)
    return known is FederatedParameterServer.round
