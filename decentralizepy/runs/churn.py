"""Checks that section CHURN is complete, and that every class runs with it."""

from collections.abc import Iterator
from typing import Any

from decentralizepy.errors import ConfigError, Problem
from decentralizepy.network.churn import SECTION, Churn
from decentralizepy.node.rounds import Rounds
from decentralizepy.randomness import DEFAULT_SEED
from decentralizepy.runs.chosen import Chosen
from decentralizepy.sharing.churn import ANYTHING, MESSAGES, NODES


def churn_fits(chosen: Chosen) -> Iterator[Problem]:
    """Yield a problem if section CHURN contradicts itself, or a class cannot run with it."""
    section = chosen.config.get(SECTION)
    if not section:
        return
    nodes, rounds = chosen.graph.n_procs, chosen.args.iterations
    try:
        churn = Churn(section, nodes, rounds, DEFAULT_SEED)
    except ConfigError as error:
        yield from error.problems
        return
    needs = getattr(chosen.sharing, "needs", ANYTHING)
    name = chosen.sharing.__name__
    for what, keys in ((NODES, churn.downs), (MESSAGES, churn.losses)):
        if keys and what in needs:
            cause = f"{name} needs all {what} in every round: {needs[what]}"
            yield Problem(cause, section=SECTION, key=keys[0], value=section[keys[0]])
    if cause := _no_rounds(chosen.node_class):
        node = chosen.node_class.__name__
        yield Problem(cause, section="NODE", key="node_class", value=node)


def _no_rounds(node: Any) -> str:
    """Return why nodes of a class cannot be down for a round; "" if they can."""
    if getattr(node, "asynchronous", False):
        return (
            "does not run with [CHURN]: its nodes do not wait for each other's rounds"
        )
    own = getattr(node, "round", None) is not Rounds.round
    if own and not getattr(node, "server_driven", False):
        return "does not run with [CHURN]: it has its own round"
    return ""
