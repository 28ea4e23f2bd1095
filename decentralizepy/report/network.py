"""The graph and the labels of a run, rebuilt from what its log folder says."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from decentralizepy.errors import ConfigError
from decentralizepy.figures.inputs import read_json
from decentralizepy.report.content import last_values
from decentralizepy.results.methods import Found

if TYPE_CHECKING:
    import networkx as nx

    from decentralizepy.runs.experiment import Experiment

EDGES = 5000  # of a larger graph, only the nodes are drawn


@contextmanager
def rebuilt(log_dir: Path, folder: str) -> Iterator[Experiment]:
    """Load the experiment of a log folder, in the working directory of its run.

    Raises
    ------
    ConfigError
        If it cannot be loaded any more; its message is a single line.
    """
    from decentralizepy.runs.experiment import Experiment

    if not (log_dir / "args.json").exists():
        raise ConfigError(f"{log_dir} has no args.json")
    words, here = ["--resume", str(log_dir.resolve())], os.getcwd()
    if Path(folder).is_dir():
        os.chdir(folder)
    try:
        try:
            experiment = Experiment.load(words)
        except ConfigError as error:
            raise ConfigError(str(error).splitlines()[0]) from None
        yield experiment
    finally:
        os.chdir(here)


def drawn(experiment: Experiment) -> dict[str, Any]:
    """Return the places of the nodes and their edges, and remarks; of the first round."""
    import networkx as nx

    graph = experiment.graph
    edges = {
        tuple(sorted((uid, peer)))
        for uid in graph.get_all_nodes()
        for peer in graph.neighbors(uid)
    }
    net = nx.Graph(sorted(edges))
    net.add_nodes_from(range(graph.n_procs))
    places = _places(net)
    remarks = [] if graph.fixed else ["The graph changes; this is that of round 1."]
    if len(edges) > EDGES:
        remarks.append(f"Its {len(edges):,} edges are not drawn.")
    return {
        "x": [round(float(places[uid][0]), 4) for uid in range(graph.n_procs)],
        "y": [round(float(places[uid][1]), 4) for uid in range(graph.n_procs)],
        "edges": sorted(edges) if len(edges) <= EDGES else [],
        "degrees": [net.degree(uid) for uid in range(graph.n_procs)],
        "remarks": remarks,
    }


def _places(net: nx.Graph[int]) -> Mapping[int, Any]:
    import networkx as nx

    ring = nx.is_connected(net) and all(degree == 2 for _, degree in net.degree)
    if ring:
        order = [edge[0] for edge in nx.find_cycle(net)]
        return dict(nx.circular_layout(order))
    full = 2 * net.number_of_edges() == len(net) * (len(net) - 1)
    if full or len(net) < 3:
        return dict(nx.circular_layout(net))
    return dict(nx.spring_layout(net, seed=0))


def by_uid(
    experiment: Experiment, found: Found, folders: Mapping[str, Path]
) -> list[float | None]:
    """Return the last test accuracy of each uid; None if it was not tested."""
    machines = {place: _machine(path) for place, path in folders.items()}
    values: list[float | None] = [None] * experiment.graph.n_procs
    for node, value in last_values(found.run, "test_acc").items():
        rank, place = Path(node).name, str(Path(node).parent)
        if place in machines and int(rank) >= 0:
            uid = experiment.mapping.get_uid(int(rank), machines[place])
            values[uid] = round(value, 3)
    return values


def _machine(log_dir: Path) -> int:
    return int(read_json(log_dir / "args.json")["machine_id"])
