"""What an experiment resolved to, as data: classes, options, graph, bytes and memory."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from inspect import Parameter
from typing import TYPE_CHECKING, Any

from decentralizepy.config import flags
from decentralizepy.config.assignments import completed, parsed
from decentralizepy.config.signatures import Options
from decentralizepy.config.text import KINDS
from decentralizepy.graphs import spectrum
from decentralizepy.machine import Machine
from decentralizepy.runs import preflight

if TYPE_CHECKING:
    from decentralizepy.graphs.Graph import Graph
    from decentralizepy.runs.experiment import Experiment

FALLEN = 1000  # by how much the distance to consensus has to fall


def view(experiment: Experiment, numbers: int) -> dict[str, Any]:
    """Return what a run would be.

    Parameters
    ----------
    experiment
    numbers
        How many numbers the model has, of 4 bytes each.

    Returns
    -------
    dict
        ``file``, ``sections``, ``flags``, ``nodes``, ``graph``, ``model``, ``bytes`` and
        ``memory``; JSON can hold all of it, but for defaults that are objects.
    """
    parts = experiment.parts
    nodes = [experiment.node_class, experiment.service_class]
    return {
        "file": experiment.args.config_file,
        "sections": {name: section(experiment, name) for name in experiment.config},
        "flags": dict(run_flags(experiment)),
        "nodes": {
            "count": experiment.mapping.get_n_procs(),
            "here": len([rank for rank in experiment.ranks if rank >= 0]),
            "classes": [named(each) for each in nodes if each],
        },
        "graph": graph(experiment.graph),
        "model": {"class": named(parts.model_class), "numbers": numbers},
        "bytes": traffic(experiment, numbers),
        "memory": memory(experiment, numbers),
    }


def named(target: Any) -> str:
    """Return the import path of a class or function."""
    module = getattr(target, "__module__", "")
    return f"{module}.{getattr(target, '__qualname__', target)}"


def section(experiment: Experiment, name: str) -> dict[str, Any]:
    """Return the class of a section, and each key: its value and where it comes from."""
    if name == "RUN":
        return {"class": None, "options": {}}  # they are flags
    part = experiment.parts.sections.get(name)
    given = {
        key: {"value": value, "from": origin(experiment, name, key)}
        for key, value in experiment.config[name].items()
    }
    if part is None:
        return {"class": None, "options": given}
    known = Options.of(part.cls, len(KINDS[name].arguments.split())).known.values()
    defaults = {
        each.name: {"value": each.default, "from": "default"}
        for each in known
        if each.name not in given and each.default is not Parameter.empty
    }
    return {"class": named(part.cls), "options": {**given, **defaults}}


def origin(experiment: Experiment, name: str, key: str) -> str:
    """Return where a key of a section comes from: ``--set`` or ``file``."""
    settings = experiment.settings
    given = completed(settings.written, [parsed(text) for text in settings.texts])
    return "--set" if (name, key) in {each[:2] for each in given} else "file"


def run_flags(experiment: Experiment) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each flag with its value, and where that comes from."""
    for name in flags.defaults():
        if name in experiment.settings.chosen:
            place = "flag"
        elif name in experiment.config.get("RUN", {}):
            place = origin(experiment, "RUN", name)
        else:
            place = "default"
        yield name, {"value": getattr(experiment.args, name), "from": place}


def graph(graph: Graph) -> dict[str, Any]:
    """Return a graph's size, degrees and how fast it mixes; of round 0, if it changes.

    ``second_eigenvalue`` is the second largest modulus in the spectrum of the mixing
    matrix, and ``rounds_to_thousandth`` in how many rounds of averaging alone the distance
    to consensus falls to a thousandth, in the worst case. They are None for graphs that
    change, are directed, or have over 1,000 nodes.
    """
    degrees = [graph.degree(uid) for uid in graph.get_all_nodes()]
    second = rounds = None
    if graph.fixed and not graph.directed and 1 < graph.n_procs <= spectrum.MAX_NODES:
        second = spectrum.second_eigenvalue(graph)
        if 0 < second < 1:
            rounds = math.ceil(math.log(FALLEN) / -math.log(second))
    return {
        "class": named(type(graph)),
        "fixed": graph.fixed,
        "directed": graph.directed,
        "nodes": graph.n_procs,
        "edges": sum(degrees) // (1 if graph.directed else 2),
        "degree_min": min(degrees),
        "degree_mean": sum(degrees) / len(degrees),
        "degree_max": max(degrees),
        "connected": graph.is_connected(),
        "second_eigenvalue": second,
        "spectral_gap": None if second is None else 1 - second,
        "rounds_to_thousandth": rounds,
    }


def traffic(experiment: Experiment, numbers: int) -> dict[str, Any]:
    """Return the bytes that a node sends if it sends its whole model to all neighbors.

    None if it does not send to the neighbors in the graph: with a service, or with a node
    class that draws its own.
    """
    drawn = "graph_degree" in experiment.config.get("NODE", {})
    if experiment.service_class is not None or drawn:
        return {"whole_model": 4 * numbers, "round": None, "run": None}
    degree = graph(experiment.graph)["degree_mean"]
    each = 4 * numbers * degree
    run: Mapping[str, Any] = {"round": each, "run": each * experiment.args.iterations}
    return {"whole_model": 4 * numbers, **run}


def memory(experiment: Experiment, numbers: int) -> dict[str, Any]:
    """Return the bytes that this machine's nodes need, about, and how many are free."""
    load = preflight.Load.of(experiment, 4 * numbers, experiment.args.engine)
    free = Machine().memory()
    return {
        "all": load.memory,
        "node": load.memory / load.nodes,
        "processes": load.processes,
        "free": free.amount if free else None,
    }
