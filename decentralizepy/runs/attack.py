"""Checks that the nodes of section ATTACK exist, and can attack."""

from collections.abc import Iterator

from decentralizepy import factory
from decentralizepy.attacks.byzantine import byzantine_uids
from decentralizepy.errors import ConfigError, Problem
from decentralizepy.node.rounds import Rounds
from decentralizepy.results.schedule import ALL, MEAN_MODEL
from decentralizepy.runs.chosen import Chosen
from decentralizepy.sharing.Sharing import Sharing


def attack_fits(chosen: Chosen) -> Iterator[Problem]:
    """Yield a problem if section ATTACK names no nodes, or they cannot attack."""
    section = chosen.config.get("ATTACK")
    if not section:
        return
    try:
        byzantine_uids(chosen.config, chosen.graph)
    except ConfigError as error:
        yield from error.problems
    informed = getattr(factory.load_class(section, "attack"), "informed", False)
    cause = _uninformed(chosen) if informed else ""
    if getattr(chosen.args, "evaluate", ALL) == MEAN_MODEL:
        cause = "with --evaluate mean_model, Byzantine models would be in the mean"
    if not hasattr(chosen.node_class, "make_message"):
        cause = f"nodes of class {chosen.node_class.__name__} cannot attack"
    if cause:
        name = section["attack_class"]
        yield Problem(cause, section="ATTACK", key="attack_class", value=name)


def _uninformed(chosen: Chosen) -> str:
    """Return why a node cannot know its neighbors' models before it sends its own."""
    node, sharing = chosen.node_class, chosen.sharing
    steps = ("round", "share", "gather")
    own = [step for step in steps if getattr(node, step) is not getattr(Rounds, step)]
    if own:
        return f"needs to receive before it sends; {node.__name__} has its own {own[0]}"
    whole = sharing.deserialized_model is Sharing.deserialized_model
    if not whole or sharing.send is not Sharing.send:
        return f"needs whole models, which {sharing.__name__} does not send"
    if chosen.policy == "drop":
        return "needs the models of all neighbors; expected on_peer_loss = abort"
    return ""
