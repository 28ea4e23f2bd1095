"""What a report shows of a run in which nodes went down or messages were lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from decentralizepy.monitor.churn import told
from decentralizepy.report.content import LISTED, in_order, named
from decentralizepy.results.lines import DOWN, LOST_MESSAGES
from decentralizepy.results.parse import Table
from decentralizepy.results.read import Run

_TITLES = {
    False: "Rounds down and messages lost by node",
    True: f"The {LISTED} nodes that were down in most rounds",
}


def churn(run: Run) -> dict[str, Any]:
    """Return who was down, and how many messages were lost; empty if there was no churn.

    Returns
    -------
    dict
        ``told``, a summary; ``learners``, the number of nodes; ``rounds`` and, for each of
        them, ``up``, how many nodes took part, unless none was ever down, and ``lost``, how
        many messages were lost, unless none was; ``title`` and ``nodes``, rows of a name,
        the rounds in which the node was down, and the messages that it did not get.
    """
    learners = [of for node, of in run.nodes.items() if Path(node).name[:1] != "-"]
    present = Counter(number for of in learners for number in of.get("time", ()))
    down = _summed(learners, DOWN)
    lost = _summed(run.nodes.values(), LOST_MESSAGES)  # a parameter server's, too
    if not down and not lost:
        return {}
    rounds = sorted(present.keys() | lost.keys())
    found = {
        "told": told(down.total(), present.total(), lost.total()),
        "learners": len(learners),
        "rounds": rounds,
        "title": _TITLES[run.many],
        "nodes": _by_node(run),
    }
    if down:
        found["up"] = [present[number] - down[number] for number in rounds]
    if lost:
        found["lost"] = [lost[number] for number in rounds]
    return found


def _summed(tables: Iterable[Table], name: str) -> Counter[int]:
    """Return the sum of a count over nodes, by round."""
    found = Counter[int]()
    for table in tables:
        found.update({n: int(count) for n, count in table.get(name, {}).items()})
    return found


def _by_node(run: Run) -> list[list[Any]]:
    """Return the name of each node, its rounds down, and the messages it did not get."""
    nodes = in_order(run.nodes)
    rows: list[list[Any]] = []
    for node, name in zip(nodes, named(nodes), strict=True):
        counts = (run.nodes[node].get(of, {}) for of in (DOWN, LOST_MESSAGES))
        rows.append([name, *(int(sum(rounds.values())) for rounds in counts)])
    return sorted(rows, key=lambda row: -row[1])[:LISTED] if run.many else rows


def facts(found: Mapping[str, Any]) -> list[list[str]]:
    """Return what :func:`churn` found, as a pair of a name and a text, if it did."""
    return [["churn", found["told"]]] if found else []
