"""Numbers that compare methods: means and intervals over seeds, and paired differences."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from decentralizepy.results.lines import SUCCESS
from decentralizepy.results.methods import Method, half_interval, sent_per_node
from decentralizepy.results.read import Run

if TYPE_CHECKING:
    from pandas import DataFrame, Series

    Measure = Callable[[Run], float]

NAN = math.nan
ALONG = {"bytes": "total_bytes", "seconds": "time", "virtual": "virtual_time"}
"""The metrics that others are shown along, by what they cost."""


def compare(
    methods: Sequence[Method], baseline: int = 0, target: float | None = None
) -> DataFrame:
    """Return one row per method, as numbers; nan where there is no value.

    Parameters
    ----------
    methods
    baseline
        The method that differences are to.
    target
        A test accuracy in percent.

    Returns
    -------
    DataFrame
        Columns: ``method``, ``seeds``, ``sample`` (how many of the nodes were tested, if
        not all), and for each of the following the mean over seeds,
        and with the suffix ``_half`` half its 95 % interval:

        ``final``, ``best``
            Test accuracy of the nodes' own models, averaged over nodes: in the last test,
            and the highest of any. Not of a parameter server's model.
        ``spread``, ``worst``
            Standard deviation and minimum over the nodes, in the last test.
        ``mean_model``, ``distance``
            Accuracy of the mean of all final models, or of a server's; consensus distance.
        ``success``
            How often an attack succeeds with an honest node's model, in percent.
        ``sent``
            Bytes sent, averaged over nodes.
        ``equal``
            ``final`` of the last test at which a node had sent no more than the method
            that sent least, ``budget`` bytes, in the whole run.
        ``rounds``, ``bytes``, ``seconds``, ``virtual``, ``reached``
            With ``target``: rounds, bytes of a node, time and virtual time until the
            first test that reached it, over the seeds that did, and their number.
        ``difference``, ``p``
            ``final`` minus that of the baseline with the same seed, with its interval, and
            the p-value of the paired t-test over seeds.
    """
    import pandas as pd

    budget = min(max(map(sent_per_node, each.runs)) for each in methods)
    rows = [_row(each, methods[baseline], budget, target) for each in methods]
    return pd.DataFrame(rows)


def _row(
    method: Method, base: Method, budget: float, target: float | None
) -> dict[str, Any]:
    row: dict[str, Any] = {"method": method.label, "seeds": len(method.runs)}
    row["sample"] = method.runs[0].sample
    measures: dict[str, Measure] = {
        "final": lambda run: _last(run, "mean"),
        "spread": lambda run: _last(run, "std"),
        "worst": lambda run: _last(run, "low"),
        "best": lambda run: float(_local(run).max()) if len(_local(run)) else NAN,
        "mean_model": lambda run: NAN if run.mean_model is None else run.mean_model,
        "distance": lambda run: NAN if run.distance is None else run.distance,
        "success": lambda run: _last(run, "mean", SUCCESS),
        "sent": sent_per_node,
        "equal": lambda run: within(run, budget),
    }
    for name, measure in measures.items():
        row |= summary(name, [measure(run) for run in method.runs])
    row["budget"] = budget
    if target is not None:
        row |= _reached(method, target)
    return row | _difference(method, base)


def summary(name: str, values: Sequence[float]) -> dict[str, float]:
    """Return the mean of the values that are not nan, and half its interval."""
    import numpy as np

    found = np.array([value for value in values if not math.isnan(value)])
    if not found.size:
        return {name: NAN, f"{name}_half": NAN}
    half = NAN
    if found.size > 1:
        half = half_interval(found.size) * float(found.std(ddof=1))
    return {name: float(found.mean()), f"{name}_half": half}


def within(run: Run, budget: float) -> float:
    """Return the accuracy in the last test before a node has sent more than ``budget``."""
    tested = _local(run)
    sent = run.spread("total_bytes")["mean"].reindex(tested.index)
    inside = tested[sent <= budget]
    return float(inside.iloc[-1]) if len(inside) else NAN


def _reached(method: Method, target: float) -> dict[str, float]:
    """Return what each seed took to reach an accuracy."""
    costs: dict[str, list[float]] = {name: [] for name in ("rounds", *ALONG)}
    for run in method.runs:
        tested = run.spread("test_acc")["mean"]  # of a server's model, too
        enough = tested[tested >= target]
        if not len(enough):
            continue
        number = enough.index[0]
        costs["rounds"].append(float(number))
        for name, metric in ALONG.items():
            costs[name].append(float(run.spread(metric)["mean"].get(number, NAN)))
    row: dict[str, float] = {"reached": len(costs["rounds"])}
    for name, values in costs.items():
        row |= summary(name, values)
    return row


def _difference(method: Method, base: Method) -> dict[str, float]:
    """Return the difference to the baseline over the seeds that both have."""
    import numpy as np
    from scipy.stats import ttest_1samp

    theirs = dict(zip(base.seeds, base.runs, strict=True))
    pairs = [
        (_last(run, "mean"), _last(theirs[seed], "mean"))
        for seed, run in zip(method.seeds, method.runs, strict=True)
        if method is not base and seed in theirs
    ]
    apart = np.array([mine - other for mine, other in pairs])
    apart = apart[~np.isnan(apart)]
    row = summary("difference", [*apart])
    varied = apart.size > 1 and apart.std() > 0
    return {**row, "p": float(ttest_1samp(apart, 0).pvalue) if varied else NAN}


def _local(run: Run) -> Series[float]:
    """Return the accuracy of the nodes' own models by round, averaged over nodes."""
    tested = run.spread("test_acc")["mean"]
    return tested[:0] if run.one_model else tested


def _last(run: Run, column: str, metric: str = "test_acc") -> float:
    tested = run.spread(metric)
    return NAN if run.one_model or not len(tested) else float(tested[column].iloc[-1])
