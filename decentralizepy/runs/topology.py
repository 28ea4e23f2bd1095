"""Makes the mapping and the graph of an experiment."""

from argparse import Namespace
from collections.abc import Sequence

from decentralizepy.config import checks
from decentralizepy.errors import ConfigError, GraphError, located
from decentralizepy.factory import Part
from decentralizepy.graphs.Graph import Graph
from decentralizepy.mappings.Linear import Linear
from decentralizepy.mappings.Manual import Manual
from decentralizepy.mappings.Mapping import Mapping


def make_mapping(
    part: Part | None, args: Namespace, mapping_class: type[Mapping] | None = None
) -> Mapping:
    """Return the mapping named by a driver or section MAPPING.

    By default it is Linear, or Manual if ``--procs_per_machine`` has unlike numbers.
    """
    counts = args.procs_per_machine
    if part is None or mapping_class is not None:
        default = Manual if len(set(counts)) > 1 else Linear
        part = Part(mapping_class or default, {})
    per_machine = counts if issubclass(part.cls, Manual) else _one(counts)
    mapping: Mapping = part.build(
        args.machines, per_machine, args.server_machine, args.machine_id
    )
    return mapping


def _one(counts: Sequence[int]) -> int:
    if len(set(counts)) > 1:
        raise ConfigError(
            key="--procs_per_machine",
            value=" ".join(map(str, counts)),
            expected="one number, of all machines; one for each takes [MAPPING] "
            "mapping_class = Manual",
        )
    return counts[0]


def make_graph(
    parts: checks.Parts, args: Namespace, written: Graph | None, n_procs: int
) -> Graph:
    """Return the graph of the file, if one was read, or that of section GRAPH.

    Raises
    ------
    GraphError
        If it cannot be built, or does not have one node per process.
    """
    if written is None:
        part = parts["GRAPH"]
        name = part.cls.__name__
        with located(
            file=args.config_file, section="GRAPH", key="graph_class", value=name
        ):
            built: Graph = part.build(n_procs)
        return built
    if written.n_procs != n_procs:
        raise GraphError(
            f"a graph of {written.n_procs} nodes, but there are {n_procs} processes "
            f"(-ms {args.machines}, -ps {args.procs_per_machine})",
            file=args.graph_file,
        )
    return written
