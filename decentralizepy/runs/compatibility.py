"""Checks that the parts of an experiment are compatible."""

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from decentralizepy import factory
from decentralizepy.config.overrides import check_overrides
from decentralizepy.config.signatures import is_ours
from decentralizepy.errors import ConfigError, Problem
from decentralizepy.node.DPSGDNodeFederated import DPSGDNodeFederated
from decentralizepy.node.DPSGDWithPeerSampler import DPSGDWithPeerSampler
from decentralizepy.node.EpidemicLearning import EL_Local, EL_Local_Timeout
from decentralizepy.node.FederatedParameterServer import FederatedParameterServer
from decentralizepy.node.FinalMerge import FinalMerge
from decentralizepy.node.OverlayNode import OverlayNode
from decentralizepy.node.PeerSampler import PeerSampler
from decentralizepy.node.STC.STCClient import STCClient
from decentralizepy.node.STC.STCServer import STCServer
from decentralizepy.runs.attack import attack_fits
from decentralizepy.runs.chosen import Chosen
from decentralizepy.runs.churn import churn_fits
from decentralizepy.runs.evaluation import evaluation_fits, target_fits
from decentralizepy.runs.graph_needs import enough_to_mask, ill_connected
from decentralizepy.runs.observer import observer_fits
from decentralizepy.sharing.corrected import CorrectedSharing
from decentralizepy.sharing.difference import DifferenceSharing
from decentralizepy.sharing.PowerGossip import PowerGossip
from decentralizepy.sharing.RelaySum import RelaySum
from decentralizepy.sharing.robust import RobustSharing
from decentralizepy.sharing.SecureAggregation import SecureAggregation
from decentralizepy.sharing.serverless import Serverless
from decentralizepy.sharing.Sharing import Sharing
from decentralizepy.sharing.STC import STC

SHOWN = 10  # components whose sizes are listed

# nodes, and the services that they talk to; subclasses before their parents
_PAIRS: tuple[tuple[type, type], ...] = (
    (STCClient, STCServer),
    (DPSGDNodeFederated, FederatedParameterServer),
    (DPSGDWithPeerSampler, PeerSampler),
)
_FEDERATED = (STCClient, DPSGDNodeFederated)
_EPIDEMIC = (EL_Local.EL_Local, EL_Local_Timeout.EL_Local)
_BOTH_WAYS = (PowerGossip, SecureAggregation)
_STEADY = (*_BOTH_WAYS, DifferenceSharing, CorrectedSharing, RelaySum)


def check(chosen: Chosen) -> None:
    """Raise one ConfigError with a line for each pair of incompatible parts.

    Users' classes are compatible with anything, since their requirements are unknown. A
    disconnected graph causes a warning where it is not an error.
    """
    classes = (chosen.node_class, chosen.service_class)
    for each in classes:
        check_overrides(each)  # a driver's own, which no INI file names
    ours = all(each is None or is_ours(each) for each in classes)
    found = [*survives_loss(chosen), *evaluation_fits(chosen), *target_fits(chosen)]
    found += [*attack_fits(chosen), *churn_fits(chosen), *observer_fits(chosen)]
    for rule in RULES if ours else ():
        found += rule(chosen)
    sizes = chosen.islands
    if sizes and ours and not _may_have_islands(chosen):
        found.append(_not_connected(chosen, sizes))
    if found:
        path = chosen.args.config_file
        raise ConfigError(
            problems=[
                each.within(file=path) if each.section else each for each in found
            ]
        )
    if sizes:
        print(
            "warning: the graph is not connected: parts of "
            f"{', '.join(map(str, sizes))} nodes train separately",
            file=sys.stderr,
        )


def survives_loss(chosen: Chosen) -> Iterator[Problem]:
    """Yield a problem if nodes should drop lost peers, but the sharing class cannot."""
    policy = chosen.policy
    if policy == "drop" and getattr(chosen.sharing, "keeps_peer_state", True):
        yield Problem(
            f"{chosen.sharing.__name__} keeps a state that a lost peer has a part in",
            section="FAULTS",
            key="on_peer_loss",
            value=policy,
            expected="abort or restart",
        )
    if policy == "drop" and (cause := _meets_anew(chosen)):
        yield Problem(
            cause,
            section="FAULTS",
            key="on_peer_loss",
            value=policy,
            expected="abort or restart",
        )


def _meets_anew(chosen: Chosen) -> str:
    """Return why nodes would wait to meet one that has died; nothing if they do not."""
    node, service = chosen.node_class, chosen.service_class
    if isinstance(node, type) and issubclass(node, OverlayNode):
        return f"{node.__name__} builds its graph with all nodes"
    sampled = isinstance(service, type) and issubclass(service, PeerSampler)
    if sampled and not _on_graph(chosen):
        return f"{service.__name__} sends nodes to others that may have died"
    if _on_graph(chosen) and not chosen.graph.fixed:
        return f"{_graph_name(chosen)} sends nodes to others that may have died"
    return ""


def service_fits(chosen: Chosen) -> Iterator[Problem]:
    """Yield a problem if the nodes' service is missing, superfluous or another one."""
    node, service = chosen.node_class, chosen.service_class
    expected = _service_of(node)
    place: dict[str, Any] = {"section": "NODE", "key": "server_class"}
    if service is None and expected:
        needs = f"missing; {node.__name__} needs {expected.__name__}"
        yield Problem(needs, **place)
    elif service and expected is None:
        needs = f"{node.__name__} needs no service"
        yield Problem(needs, **place, value=service.__name__)
    elif service and expected is not _kind(service):
        needs = f"{node.__name__} needs {expected.__name__}"
        yield Problem(needs, **place, value=service.__name__)
    if service and chosen.args.server_rank >= 0:
        yield Problem(
            key="--server_rank",
            value=chosen.args.server_rank,
            expected="a number below 0, as those from 0 are the nodes'",
        )


def graph_fits(chosen: Chosen) -> Iterator[Problem]:
    """Yield a problem if the nodes cannot run on the graph."""
    misfit = getattr(chosen.node_class, "misfit", None)
    if misfit and (cause := misfit(chosen.graph)):
        yield Problem(cause, **_place(chosen))


def sharing_fits(chosen: Chosen) -> Iterator[Problem]:
    """Yield a problem if the sharing class does not suit the nodes or the graph."""
    if not is_ours(chosen.sharing):
        return
    if cause := _not_whole(chosen) or _misfit(chosen):
        name = chosen.sharing.__name__
        yield Problem(cause, section="SHARING", key="sharing_class", value=name)


def enough_neighbors(chosen: Chosen) -> Iterator[Problem]:
    """Yield a problem if the neighbors of a node could not outvote the Byzantine ones."""
    graph, section = chosen.graph, chosen.config.get("SHARING", {})
    if not (issubclass(chosen.sharing, RobustSharing) and graph.fixed):
        return
    if not _on_graph(chosen) or issubclass(
        chosen.node_class, (*_EPIDEMIC, OverlayNode)
    ):
        return
    degrees = [len(graph.in_neighbors(uid)) for uid in range(graph.n_procs)]
    least, tolerated = min(degrees), section.get("byzantine", 1)
    most = chosen.sharing.outvotes(least)
    if tolerated > most:
        yield Problem(
            f"uid {degrees.index(least)} has {least} neighbors",
            section="SHARING",
            key="byzantine",
            value=tolerated,
            expected=f"at most {most}",
        )


RULES: tuple[Callable[[Chosen], Iterator[Problem]], ...] = (
    service_fits,
    graph_fits,
    sharing_fits,
    enough_neighbors,
    enough_to_mask,
)


def _not_whole(chosen: Chosen) -> str:
    """Return why nodes that average whole models cannot use a sharing class, or ""."""
    node = chosen.node_class
    if not getattr(node, "whole_models", False) or chosen.sharing is Sharing:
        return ""
    return f"{node.__name__} takes Sharing, as it averages whole models itself"


def _misfit(chosen: Chosen) -> str:
    """Return why the sharing class does not suit the nodes or the graph, or ""."""
    sharing, node = chosen.sharing, chosen.node_class
    if issubclass(sharing, STC) != issubclass(node, STCClient):
        if issubclass(sharing, STC):
            return f"needs the nodes STCClient and STCServer, not {node.__name__}"
        return f"{node.__name__} needs the sharing STC"
    if issubclass(sharing, Serverless) and issubclass(node, _FEDERATED):
        return f"has no server; {node.__name__} takes Sharing"
    if getattr(sharing, "needs_trainer", False):
        trainer = factory.load_class(chosen.config["TRAIN_PARAMS"], "training")
        if not hasattr(trainer, "loss_on"):
            return f"needs losses; {trainer.__name__} has no loss_on"
    if issubclass(sharing, _STEADY) and (cause := _unsteady(chosen)):
        return f"needs the same neighbors in every round; {cause}"
    if issubclass(sharing, _BOTH_WAYS) and (cause := _not_the_graph(chosen)):
        return f"needs the edges of the graph, both ways; {cause}"
    return ill_connected(sharing, chosen.graph)


def _may_have_islands(chosen: Chosen) -> bool:
    """Return whether the user allows them, or models do not follow the graph anyway."""
    return getattr(chosen.args, "allow_disconnected", False) or not _on_graph(chosen)


def _not_connected(chosen: Chosen, sizes: Sequence[int]) -> Problem:
    listed = ", ".join(map(str, sizes[:SHOWN])) + ", ..." * (len(sizes) > SHOWN)
    return Problem(
        f"not connected: {len(sizes)} parts, of {listed} nodes, would train separately; "
        "--allow_disconnected allows this",
        **_place(chosen),
    )


def _service_of(node: Any) -> Any:
    return next((service for each, service in _PAIRS if issubclass(node, each)), None)


def _kind(service: Any) -> Any:
    kinds = (each for _, each in _PAIRS)
    return next((each for each in kinds if issubclass(service, each)), None)


def _unsteady(chosen: Chosen) -> str:
    """Return why neighbors change between rounds, or "" if they do not."""
    node, service = chosen.node_class, chosen.service_class
    if issubclass(node, _EPIDEMIC):
        return f"{node.__name__} redraws them every round"
    if service and not _on_graph(chosen):
        return f"{service.__name__} redraws them every round"
    if issubclass(node, FinalMerge):
        return f"{node.__name__} averages with all once"
    return "" if chosen.graph.fixed else f"{_graph_name(chosen)} changes"


def _not_the_graph(chosen: Chosen) -> str:
    if issubclass(chosen.node_class, OverlayNode):
        return f"{chosen.node_class.__name__} builds others"
    return f"{_graph_name(chosen)} is directed" if chosen.graph.directed else ""


def _on_graph(chosen: Chosen) -> bool:
    """Return whether models are only sent along the edges of the graph."""
    service = chosen.service_class
    if service and issubclass(service, PeerSampler):
        told: bool = service.get_neighbors is PeerSampler.get_neighbors
        return told
    return not issubclass(chosen.node_class, _FEDERATED)


def _place(chosen: Chosen) -> dict[str, Any]:
    if chosen.args.graph_file:
        return {"key": "--graph_file", "value": chosen.args.graph_file}
    name = type(chosen.graph).__name__
    return {"section": "GRAPH", "key": "graph_class", "value": name}


def _graph_name(chosen: Chosen) -> str:
    return str(Problem(**_place(chosen)))
