"""``decentralizepy graph``: write a graph file, or repair one."""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

from decentralizepy.commands.parsers import Parser
from decentralizepy.errors import ConfigError
from decentralizepy.graphs import format
from decentralizepy.graphs.FullyConnected import FullyConnected
from decentralizepy.graphs.Graph import Graph
from decentralizepy.graphs.Regular import Regular
from decentralizepy.graphs.Ring import Ring
from decentralizepy.graphs.SmallWorld import SmallWorld
from decentralizepy.graphs.spectrum import MAX_NODES, second_eigenvalue
from decentralizepy.graphs.Star import Star
from decentralizepy.monitor.units import span

NAME = "decentralizepy graph"
# the arguments that each kind needs besides the number of nodes
_KINDS: dict[str, tuple[Callable[..., Graph], dict[str, str]]] = {
    "Regular": (Regular, {"degree": "-d/--degree"}),
    "FullyConnected": (FullyConnected, {}),
    "Ring": (Ring, {}),
    "SmallWorld": (SmallWorld, {"k_over_2": "-k/--kover2", "beta": "-b/--beta"}),
    "Star": (Star, {}),
}


def main(argv: Sequence[str] | None = None, prog: str = NAME) -> int:
    """Write a graph file and print a one-line description of the graph.

    Parameters
    ----------
    argv : list of str, optional
        The flags; by default those of the process.
    prog : str, optional
        The name of the program in its help.

    Returns
    -------
    int
        Exit status: 0, or 2 after one line on stderr.
    """
    try:
        args = parser(prog).parse_args(argv)
        graph = _make(args)
        form = "adjacency" if args.adjacency else "edges"
        graph.write_graph_to_file(args.file, form)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    print(f"{args.file}: {describe(graph)}")
    return 0


def describe(graph: Graph) -> str:
    """Describe in one line the size of a graph and how fast it mixes.

    The second eigenvalue is the second largest modulus in the spectrum of
    `Graph.mixing_matrix`: in the worst case, one round of averaging reduces the distance
    to consensus by this factor.
    """
    degrees = [graph.degree(uid) for uid in graph.get_all_nodes()]
    connected = "connected" if graph.is_connected() else "not connected"
    text = (
        f"{graph.n_procs} nodes, {sum(degrees) // 2} edges,"
        f" degree {span(min(degrees), max(degrees))}, {connected}"
    )
    if 1 < graph.n_procs <= MAX_NODES:
        second = second_eigenvalue(graph)
        text += f", second eigenvalue {second:.4f} (spectral gap {1 - second:.4f})"
    return text


def _make(args: argparse.Namespace) -> Graph:
    if args.symmetrize:
        return _symmetrized(args.symmetrize)
    for name in ("graph", "nodes"):
        if getattr(args, name) is None:
            raise ConfigError(f"-{name[0]}/--{name} is missing")
    make, flags = _KINDS[args.graph]
    options: dict[str, Any] = {name: getattr(args, name) for name in flags}
    for name, value in options.items():
        if value is None:
            raise ConfigError(f"graph {args.graph} needs {flags[name]}")
    if options:
        options["seed"] = args.seed
    return make(args.nodes, **options)


def _symmetrized(file: str) -> Graph:
    graph = Graph()
    graph.adj_list = format.read(file, "adjacency", symmetrize=True)
    graph.n_procs = len(graph.adj_list)
    return graph


def parser(prog: str = NAME) -> Parser:
    """Return the parser of this command, or of a script that is called ``prog``."""
    about = "Write a graph file."
    example = "graph -g Regular -n 16 -d 4 -s 1 -f graph.edges"
    parser = Parser("graph", about, example, prog=prog)
    add = parser.add_argument
    add("-g", "--graph", choices=_KINDS, help="kind of graph")
    add("-n", "--nodes", type=int, help="number of nodes")
    add("-s", "--seed", type=int, help="seed of Regular and SmallWorld")
    add("-d", "--degree", type=int, help="degree of each node (Regular)")
    add(
        "-k",
        "--kover2",
        type=int,
        dest="k_over_2",
        help="nearest nodes on each side (SmallWorld)",
    )
    add("-b", "--beta", type=float, help="probability of rewiring an edge (SmallWorld)")
    add("-f", "--file", required=True, help="file to write")
    add(
        "-a",
        "--adjacency",
        action="store_true",
        help="write an adjacency list instead of edges",
    )
    add(
        "--symmetrize",
        metavar="ROWS",
        help="repair an adjacency file in which edges are listed in one direction only",
    )
    return parser
