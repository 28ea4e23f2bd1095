"""Which parts of an experiment do not go together."""

from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from decentralizepy import factory
from decentralizepy.config.trials import is_ours
from decentralizepy.errors import ConfigError
from decentralizepy.graphs.Graph import Graph
from decentralizepy.node.DPSGDNodeFederated import DPSGDNodeFederated
from decentralizepy.node.DPSGDWithPeerSampler import DPSGDWithPeerSampler
from decentralizepy.node.EpidemicLearning import EL_Local, EL_Local_Timeout
from decentralizepy.node.FederatedParameterServer import FederatedParameterServer
from decentralizepy.node.OverlayNode import OverlayNode
from decentralizepy.node.PeerSampler import PeerSampler
from decentralizepy.node.STC.STCClient import STCClient
from decentralizepy.node.STC.STCServer import STCServer
from decentralizepy.sharing.difference import DifferenceSharing
from decentralizepy.sharing.PowerGossip import PowerGossip
from decentralizepy.sharing.PushSum import PushSum
from decentralizepy.sharing.STC import STC

SHOWN = 10  # islands that are counted one by one

# nodes, and the services that they talk to; a class before its parent
_PAIRS: tuple[tuple[type, type], ...] = (
    (STCClient, STCServer),
    (DPSGDNodeFederated, FederatedParameterServer),
    (DPSGDWithPeerSampler, PeerSampler),
)
_FEDERATED = (STCClient, DPSGDNodeFederated)
_EPIDEMIC = (EL_Local.EL_Local, EL_Local_Timeout.EL_Local)
_STEADY = (DifferenceSharing, PowerGossip)
_AMONG_PEERS = (*_STEADY, PushSum)


class Parts(NamedTuple):
    """What has been chosen for an experiment."""

    args: Namespace
    config: Mapping[str, Mapping[str, Any]]
    graph: Graph
    node_class: Any
    service_class: Any


def check(parts: Parts) -> None:
    """Raise one ConfigError with a line for each pair of parts that do not fit.

    Nothing is said of classes of a user's own: what they need is not known.
    """
    classes = (parts.node_class, parts.service_class)
    if not all(each is None or is_ours(each) for each in classes):
        return
    sharing = factory.unpack(parts.config["SHARING"], "sharing")[0]
    found = [problem for rule in RULES for problem in rule(parts, sharing)]
    path = parts.args.config_file
    if found:
        lines = (f"{path}: {each}" if each[0] == "[" else each for each in found)
        raise ConfigError("\n".join(lines))


def service_fits(parts: Parts, sharing: Any) -> Iterator[str]:
    """Yield if the nodes would wait for a service that is not there, or the reverse."""
    node, service = parts.node_class, parts.service_class
    expected = _service_of(node)
    if service is None and expected:
        yield (
            f"[NODE] server_class: missing; {node.__name__} needs {expected.__name__}"
        )
    elif service and expected is None:
        yield f"[NODE] server_class = {service.__name__}: {node.__name__} needs no service"
    elif service and expected is not _kind(service):
        yield (
            f"[NODE] server_class = {service.__name__}: {node.__name__} needs "
            f"{expected.__name__}"
        )
    if service and parts.args.server_rank >= 0:
        yield (
            f"--server_rank {parts.args.server_rank}: expected a number below 0, as "
            "those from 0 are the nodes'"
        )


def sharing_fits(parts: Parts, sharing: Any) -> Iterator[str]:
    """Yield if the sharing needs a server, or other neighbors than there will be."""
    start = f"[SHARING] sharing_class = {sharing.__name__}:"
    node = parts.node_class
    if not is_ours(sharing):
        return
    if issubclass(sharing, STC) != issubclass(node, STCClient):
        if issubclass(sharing, STC):
            yield f"{start} needs the nodes STCClient and STCServer, not {node.__name__}"
        else:
            yield f"{start} {node.__name__} needs the sharing STC"
    elif issubclass(sharing, _AMONG_PEERS) and issubclass(node, _FEDERATED):
        yield f"{start} has no server; {node.__name__} takes Sharing"
    elif issubclass(sharing, _STEADY) and (cause := _unsteady(parts)):
        yield f"{start} needs the same neighbors in every round; {cause}"
    elif issubclass(sharing, PowerGossip) and (cause := _not_the_graph(parts)):
        yield f"{start} needs the edges of the graph, both ways; {cause}"


def connected(parts: Parts, sharing: Any) -> Iterator[str]:
    """Yield if some nodes never hear of others, even by others."""
    if not parts.graph.fixed or not _on_graph(parts):
        return
    sizes = [len(part) for part in parts.graph.components()]
    if len(sizes) == 1 or getattr(parts.args, "allow_disconnected", False):
        return
    listed = ", ".join(map(str, sizes[:SHOWN])) + ", ..." * (len(sizes) > SHOWN)
    yield (
        f"{_place(parts)}: not connected: {len(sizes)} parts, of {listed} nodes, would "
        "learn apart; --allow_disconnected lets them"
    )


RULES: tuple[Callable[[Parts, Any], Iterator[str]], ...] = (
    service_fits,
    sharing_fits,
    connected,
)


def _service_of(node: Any) -> Any:
    return next((service for each, service in _PAIRS if issubclass(node, each)), None)


def _kind(service: Any) -> Any:
    kinds = (each for _, each in _PAIRS)
    return next((each for each in kinds if issubclass(service, each)), None)


def _unsteady(parts: Parts) -> str:
    """Return why nodes have other neighbors now and then; nothing if they do not."""
    node, service = parts.node_class, parts.service_class
    if issubclass(node, _EPIDEMIC):
        return f"{node.__name__} chooses them anew"
    if service and not _on_graph(parts):
        return f"{service.__name__} draws them anew"
    return "" if parts.graph.fixed else f"{_place(parts)} changes"


def _not_the_graph(parts: Parts) -> str:
    if issubclass(parts.node_class, OverlayNode):
        return f"{parts.node_class.__name__} builds others"
    return f"{_place(parts)} goes one way" if parts.graph.directed else ""


def _on_graph(parts: Parts) -> bool:
    """Tell whether models travel along the edges of the graph alone."""
    service = parts.service_class
    if service and issubclass(service, PeerSampler):
        told: bool = service.get_neighbors is PeerSampler.get_neighbors
        return told
    return not issubclass(parts.node_class, _FEDERATED)


def _place(parts: Parts) -> str:
    if parts.args.graph_file:
        return f"--graph_file {parts.args.graph_file}"
    return f"[GRAPH] graph_class = {type(parts.graph).__name__}"
