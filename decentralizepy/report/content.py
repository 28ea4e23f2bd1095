"""What a report shows of runs and methods, as plain data for the page's script."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from decentralizepy.figures.style import TITLES, band
from decentralizepy.results.layout import natural
from decentralizepy.results.methods import Found, Method
from decentralizepy.results.read import OVER_NODES, Run
from decentralizepy.results.statistics import ALONG

if TYPE_CHECKING:
    from pandas import DataFrame

HEAT = ("test_acc", "test_loss", "train_loss", "wait")
PERCENTS = range(0, 101, 5)  # of the nodes of a large run
LISTED = 20  # of a large run's nodes, those waited for most
SPREADS = {
    False: "±1 standard deviation over nodes, light: lowest to highest",
    True: "10th to 90th percentile over nodes, light: lowest to highest",
}
_DIGITS = 5


def curves(method: Method) -> dict[str, Any]:
    """Return the curves of a method: means, and bands over seeds and over nodes.

    Returns
    -------
    dict
        By metric, lists of equal length: ``rounds``, ``bytes``, ``seconds`` and, if a network
        was emulated, ``virtual`` seconds (means over nodes and seeds), ``mean``, ``nodes`` (low, lower, upper, high, averaged over seeds)
        and, if there are several seeds, ``seeds`` (ends of the 95 % interval).
    """
    along = {name: method.spread(metric) for name, metric in ALONG.items()}
    found = {}
    for metric in TITLES:
        spread = method.spread(metric)
        if not len(spread):
            continue
        found[metric] = {
            "rounds": spread.index.tolist(),
            **{name: _along(x, spread) for name, x in along.items() if len(x)},
            "mean": short(spread["mean"]),
        }
        if metric not in OVER_NODES:
            found[metric]["nodes"] = _over_nodes(method, metric, spread)
        if method.repeated:
            ends = [spread["low"], spread["high"]]
            found[metric]["seeds"] = [short(each) for each in ends]
    return found


def _along(x: DataFrame, spread: DataFrame) -> list[float | None]:
    return short(x["mean"].reindex(spread.index))


def _over_nodes(
    method: Method, metric: str, spread: DataFrame
) -> list[list[float | None]]:
    """Return the ends of the bands over nodes, averaged over seeds."""
    spreads = [run.spread(metric).reindex(spread.index) for run in method.runs]
    for each in spreads:
        each["lower"], each["upper"] = band(each)
    ends = ("low", "lower", "upper", "high")
    return [
        short(sum(row) / len(row) for row in zip(*columns, strict=True))
        for columns in ([each[end] for each in spreads] for end in ends)
    ]


def of_methods(methods: Sequence[Method]) -> dict[str, Any]:
    """Return the curves of all methods, and what their bands are."""
    many = {method.many for method in methods}
    return {
        "metrics": {**TITLES, "wait": "seconds waited in a round"},
        "methods": [{"label": m.tested_label, "curves": curves(m)} for m in methods],
        "repeated": any(method.repeated for method in methods),
        "spread": " or ".join(SPREADS[each] for each in sorted(many)),
    }


def details(run: Run) -> dict[str, Any]:
    """Return what is shown of a single run, apart from what its log folders tell."""
    heats = {metric: heat(run, metric) for metric in HEAT}
    return {
        "name": run.name,
        "heat": {metric: each for metric, each in heats.items() if each},
        "waits": waits(run),
    }


def heat(run: Run, metric: str) -> dict[str, Any]:
    """Return a metric by node (rows) and round; of a large run, quantiles over nodes."""
    frame = run.metric(metric)
    if frame.empty:
        return {}
    order = in_order(map(str, frame))
    rows, names = frame[order].T, named(order)
    if run.many:
        shares = [percent / 100 for percent in PERCENTS]
        rows = frame.quantile(shares, axis=1)
        names = [f"{percent} %" for percent in PERCENTS]
    values = [short(row) for _, row in rows.iterrows()]
    rounds = frame.index.tolist()
    return {"rounds": rounds, "rows": names, "values": values, "quantiles": run.many}


def in_order(nodes: Iterable[str]) -> list[str]:
    """Return the names of nodes in the order of their numbers."""
    return sorted(nodes, key=natural)


def named(nodes: Iterable[str]) -> list[str]:
    """Return what nodes are called: by rank, and by machine if there are several."""
    paths = [Path(node) for node in nodes]
    single = len({path.parent for path in paths}) == 1
    return [path.name if single else str(path) for path in paths]


def waits(run: Run) -> dict[str, Any]:
    """Return who waited for whom: seconds by node (rows) and by uid.

    The wait of a round counts for the uid whose message ended the longest wait. For a
    large run, the sums over all nodes of the uids that were waited for most.
    """
    seconds: dict[str, dict[int, float]] = {}
    for node in in_order(run.nodes):
        table, row = run.nodes[node], seconds.setdefault(node, {})
        for number, uid in table.get("slowest", {}).items():
            waited = table.get("wait", {}).get(number, 0.0)
            row[int(uid)] = row.get(int(uid), 0.0) + waited
    uids = sorted({uid for row in seconds.values() for uid in row})
    totals = {uid: sum(row.get(uid, 0.0) for row in seconds.values()) for uid in uids}
    if run.many:
        most = sorted(uids, key=lambda uid: -totals[uid])[:LISTED]
        rows, uids = {"all nodes": {uid: totals[uid] for uid in most}}, most
    else:
        rows = seconds
    values = [short(row.get(uid, 0.0) for uid in uids) for row in rows.values()]
    return {"rows": named(rows), "uids": uids, "values": values} if uids else {}


def last_values(run: Run, metric: str) -> dict[str, float]:
    """Return the last value of each node that has one."""
    tables = {node: table.get(metric, {}) for node, table in run.nodes.items()}
    found = {node: of[max(of)] for node, of in tables.items() if of}
    return {node: value for node, value in found.items() if math.isfinite(value)}


def short(values: Iterable[float]) -> list[float | None]:
    """Return numbers with five significant digits; None for what is not finite."""
    return [
        float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
        for value in values
    ]


def log_folders(found: Found) -> dict[str, Path]:
    """Return the log folder of each machine of a run, by its name in the run."""
    places = dict.fromkeys(str(Path(node).parent) for node in found.run.nodes)
    return {place: found.home / place for place in places}
