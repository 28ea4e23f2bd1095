"""Checks that what nodes learn of each other is no more than their sharing class promises."""

from collections.abc import Iterator

from decentralizepy.errors import Problem
from decentralizepy.runs.chosen import Chosen
from decentralizepy.sharing.SecureAggregation import LEAST, SecureAggregation


def enough_to_mask(chosen: Chosen) -> Iterator[Problem]:
    """Yield a problem if a node's neighbors are too few for their sum to hide a model."""
    if not issubclass(chosen.sharing, SecureAggregation) or not chosen.graph.fixed:
        return
    uids = chosen.graph.get_all_nodes()
    least, uid = min((len(chosen.graph.neighbors(uid)), uid) for uid in uids)
    if least < LEAST:
        yield Problem(
            f"needs {LEAST} neighbors for every node; uid {uid} has {least}",
            section="SHARING",
            key="sharing_class",
            value=chosen.sharing.__name__,
        )
