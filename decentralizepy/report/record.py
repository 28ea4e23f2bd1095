"""What a run was: facts, configuration and provenance, from the manifests of its machines."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from decentralizepy.errors import DataError
from decentralizepy.monitor.units import duration, size
from decentralizepy.results.lines import BYZANTINE
from decentralizepy.results.read import Run

Manifests = Mapping[str, Mapping[str, Any]]
Rows = list[list[str]]
_SAME = ("DATASET", "GRAPH", "OPTIMIZER_PARAMS", "TRAIN_PARAMS", "SHARING")
_COUNTERS = {
    "total_data_per_n": "payload",
    "total_meta": "metadata",
    "total_control": "control",
}


def check_joined(name: str, manifests: Manifests) -> None:
    """Raise a DataError if the machines of a run were not in the same run."""
    known = {machine: each for machine, each in manifests.items() if each}
    for machine, each in known.items():
        first, other = next(iter(known.items()))
        theirs = other["configuration"]
        for section in _SAME:
            old, new = theirs.get(section, {}), each["configuration"].get(section, {})
            for key in sorted(old.keys() | new.keys()):
                if old.get(key) != new.get(key):
                    raise DataError(
                        f"{name}: {first} and {machine} are not of one run: [{section}] "
                        f"{key} is {old.get(key)!r} and {new.get(key)!r}"
                    )


def facts(run: Run, manifests: Manifests) -> Rows:
    """Return what was run and how it ended: pairs of a name and a text."""
    first = next((each for each in manifests.values() if each), None)
    rows = [["data", run.data or "not recorded"]]
    machines = f" on {len(manifests)} machines" if len(manifests) > 1 else ""
    rows += [["nodes", f"{len(run.nodes)}{machines}"]]
    if attackers := [node for node, of in run.nodes.items() if of.get(BYZANTINE)]:
        rows.append(["Byzantine nodes", ", ".join(attackers)])
    if first:
        rows += _named(first)
    accuracy = run.spread("test_acc")
    if len(accuracy):
        last = accuracy.iloc[-1]
        text = f"{last['mean']:.2f} %"
        if not run.one_model:
            count = f"{last['nr_nodes']:.0f} nodes in round {accuracy.index[-1]}"
            text += f" ± {last['std']:.2f} over {count}, worst {last['low']:.2f} %"
        what = run.one_model or "nodes' models"
        rows.append([f"test accuracy of the {what}", text])
    if run.mean_model is not None and not run.one_model:
        rows.append(["test accuracy of the mean model", f"{_plain(run.mean_model)} %"])
    if run.distance is not None:
        rows.append(["consensus distance at the end", _plain(run.distance)])
    return [*rows, *_counted(run)]


def _plain(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "not a number"


def _named(manifest: Mapping[str, Any]) -> Iterator[list[str]]:
    for options in manifest["configuration"].values():
        for key in ("sharing_class", "graph_class", "node_class", "model_class"):
            if options.get(key):
                yield [key.removesuffix("_class"), str(options[key])]
    yield ["rounds", str(manifest["flags"]["iterations"])]
    yield ["outcome", str(manifest.get("outcome") or "no end recorded")]
    started, ended = manifest.get("started"), manifest.get("ended")
    if started and ended:
        took = datetime.fromisoformat(ended) - datetime.fromisoformat(started)
        yield ["time", duration(took.total_seconds())]


def _counted(run: Run) -> Iterator[list[str]]:
    nodes = max(1, len(run.nodes))
    sent = run.total("total_bytes") / nodes
    kinds = [
        f"{size(run.total(name) / nodes)} {kind}" for name, kind in _COUNTERS.items()
    ]
    yield ["sent per node", f"{size(sent)}: {', '.join(kinds[:2])}; and {kinds[2]}"]


def configuration(manifests: Manifests) -> Rows:
    """Return section, key and value of every option, and the flags."""
    first = next((each for each in manifests.values() if each), None)
    if first is None:
        return []
    flags = {"flags": first["flags"]}
    sections = {
        name: of for name, of in first["configuration"].items() if name != "RUN"
    }
    return [
        [section, key, _text(value)]
        for section, options in {**sections, **flags}.items()
        for key, value in options.items()
    ]


def provenance(manifests: Manifests) -> Rows:
    """Return command, code, seeds, machines, files and packages as pairs of texts."""
    rows = []
    for machine, each in manifests.items():
        if not each:
            continue
        place = f"{machine}: " if len(manifests) > 1 else ""
        for key in ("command", "folder", "started", "ended", "outcome", "set"):
            rows.append([place + key, _text(each.get(key))])
        for key in ("seeds", "machine", "digests", "files"):
            rows += [[f"{place}{key} {n}", _text(v)] for n, v in each[key].items()]
        rows += [[place + name, text] for name, text in _code(each["code"])]
    first = next((each for each in manifests.values() if each), None)
    if first:
        told = [f"{name} {version}" for name, version in first["packages"].items()]
        rows.append(["packages", ", ".join(told)])
    return rows


def _code(code: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    entries = {"decentralizepy": code["decentralizepy"], **code["plug-ins"]}
    for name, each in entries.items():
        changed = " with changes" if each.get("dirty") else ""
        yield f"commit of {name}", f"{each.get('commit') or 'not in git'}{changed}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
