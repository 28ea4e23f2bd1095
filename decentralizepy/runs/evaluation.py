"""Checks that nodes can evaluate, and end, as the flags say."""

from collections.abc import Iterator
from typing import Any

from decentralizepy.config.signatures import evaluates, is_ours
from decentralizepy.errors import Problem
from decentralizepy.results.schedule import ALL, MEAN_MODEL
from decentralizepy.runs.chosen import Chosen


def evaluation_fits(chosen: Chosen) -> Iterator[Problem]:
    """Yield a problem if the nodes cannot evaluate as section RUN or a flag says."""
    wanted = getattr(chosen.args, "evaluate", ALL)
    nodes, few = chosen.graph.n_procs, f"{ALL} or a number of nodes"
    cause = expected = ""
    if wanted != ALL and (cause := _evaluates_anyway(chosen)):
        expected = ALL
    elif isinstance(wanted, int) and wanted > nodes:
        expected = f"up to {nodes}, the number of nodes"
    elif wanted == MEAN_MODEL and chosen.args.machines > 1:
        expected = f"{few}, as no machine has all models"
    elif wanted == MEAN_MODEL and chosen.policy == "drop":
        expected = f"{few}, with on_peer_loss = drop"
    if expected:
        yield Problem(cause, key="--evaluate", value=wanted, expected=expected)


def target_fits(chosen: Chosen) -> Iterator[Problem]:
    """Yield a problem if nodes cannot agree that the target accuracy is reached."""
    target = getattr(chosen.args, "target_accuracy", 0)
    cause = ""
    if target and not evaluates(chosen.service_class):
        if chosen.policy == "drop":
            cause = "with on_peer_loss = drop, nodes that are lost cannot agree"
        elif getattr(chosen.args, "evaluate", ALL) == MEAN_MODEL:
            cause = "with evaluate = mean_model, nodes do not know their accuracy"
        elif getattr(chosen.node_class, "answers_peers", False):
            cause = f"a node of {chosen.node_class.__name__} cannot wait for all others"
        elif chosen.islands:
            cause = "parts of a graph that is not connected cannot agree"
        else:
            cause = _own_step(
                chosen.node_class, "instantiate", "run", "record", "rounds"
            )
    if cause:
        yield Problem(cause, key="--target_accuracy", value=target, expected="0")


def _evaluates_anyway(chosen: Chosen) -> str:
    """Return why the flag would have no effect; nothing if it has."""
    if evaluates(chosen.service_class):
        return f"only the model of {chosen.service_class.__name__} is tested"
    return _own_step(chosen.node_class, "instantiate", "run", "record")


def _own_step(node: Any, *steps: str) -> str:
    """Return which of the steps a user's class of nodes overrides, as a cause; or ""."""
    homes = {
        name: getattr(getattr(node, name, None), "__module__", "") for name in steps
    }
    own = [name for name, home in homes.items() if not is_ours(home)]
    return f"{node.__name__} has its own {own[0]}" if own else ""
