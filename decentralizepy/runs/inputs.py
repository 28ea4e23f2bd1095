"""Reads the other files of an experiment, before any class is imported."""

from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from decentralizepy.config.places import GRAPHS
from decentralizepy.errors import ConfigError, GraphError
from decentralizepy.graphs.Graph import Graph
from decentralizepy.mappings.addresses import read_addresses

TCP = ("decentralizepy.communication.TCP", "decentralizepy.communication.TCP_ACK")


def read(args: Namespace, config: Mapping[str, Mapping[str, Any]]) -> Graph | None:
    """Return the graph of the graph file, if there is one, and check the address file.

    Raises
    ------
    ConfigError
        If a file is missing or damaged, or the number of a machine is invalid.
    """
    check_machines(args)
    graph = read_graph(args, config) if args.graph_file else None
    comm = config["COMMUNICATION"]
    path = comm.get("addresses_filepath")
    if comm["comm_package"] in TCP and isinstance(path, str):
        read_addresses(path)
    return graph


def check_machines(args: Namespace) -> None:
    """Raise a ConfigError if the number of a machine is too high."""
    for name in ("machine_id", "server_machine"):
        machine = getattr(args, name)
        if machine >= args.machines:
            raise ConfigError(
                key=f"--{name}",
                value=machine,
                expected=f"a number below --machines {args.machines}; machines are "
                "counted from 0",
            )


def read_graph(args: Namespace, config: Mapping[str, Any]) -> Graph:
    """Return the graph of the graph file, or raise a GraphError if there is none."""
    if not config.get("GRAPH") and not Path(args.graph_file).exists():
        raise GraphError(
            f"no such file, and {args.config_file} has no section [GRAPH]: expected one "
            "of them",
            key="--graph_file",
            value=args.graph_file,
        )
    graph = Graph()
    graph.read_graph_from_file(args.graph_file, args.graph_type)
    return graph


def files(args: Namespace, config: Mapping[str, Mapping[str, Any]]) -> list[Path]:
    """Return the files that a run reads: INI, graph, and those named in the INI."""
    paths = [Path(name) for name in (args.config_file, args.graph_file) if name]
    return [*filter(_is_file, paths), *named(config)]


def named(config: Mapping[str, Mapping[str, Any]]) -> list[Path]:
    """Return the files that an INI file names."""
    values = [value for section in config.values() for value in section.values()]
    paths = [Path(value) for value in values if isinstance(value, str) and value]
    return [path for path in paths if _is_file(path)]


def graphs(config: Mapping[str, Mapping[str, Any]]) -> list[Path]:
    """Return the folder that a run reads the graph of each round from, if there is one."""
    folder = config.get("GRAPH", {}).get(GRAPHS)
    return [Path(folder)] if isinstance(folder, str) and folder else []


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long for a file name, or with a null character
        return False
