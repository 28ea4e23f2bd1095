"""What is to be run: flags, INI file, graph, mapping and classes, checked together."""

import inspect
import logging
import shutil
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from decentralizepy import factory, utils
from decentralizepy.checkpoints import newest_common
from decentralizepy.config import checks, ini
from decentralizepy.config.run_section import RunSection
from decentralizepy.errors import ConfigError, GraphError
from decentralizepy.graphs.Graph import Graph
from decentralizepy.mappings.Manual import Manual
from decentralizepy.mappings.Mapping import Mapping
from decentralizepy.run import folders, resume
from decentralizepy.run.spec import NodeSpec

logger = logging.getLogger(__name__)
Config = dict[str, dict[str, Any]]
DEFAULT_NODE = ("decentralizepy.node.DPSGDNode", "DPSGDNode")


@dataclass
class Experiment:
    """An experiment as one machine sees it; nothing of it has started.

    Attributes
    ----------
    comm_options : dict
        The options of the communication, once they are prepared.
    first_round : int
        How many rounds are done already: nodes start from that checkpoint.
    continues : bool
        Whether nodes ran before, so that their logs are added to.
    """

    args: Namespace
    config: Config
    graph: Graph
    mapping: Mapping
    node_class: Callable[..., Any]
    service_class: Callable[..., Any] | None
    comm_options: dict[str, Any] = field(default_factory=dict)
    first_round: int = 0
    continues: bool = False

    @classmethod
    def load(
        cls,
        argv: Sequence[str] | None = None,
        node_class: Callable[..., Any] | None = None,
        service_class: Callable[..., Any] | None = None,
        mapping_class: type[Mapping] | None = None,
    ) -> "Experiment":
        """Read flags, INI and graph; classes that are not given come from the INI.

        Raises
        ------
        ConfigError
            For all that a user can get wrong in them.
        """
        flags = utils.get_args(argv)
        if flags.resume:
            argv = resume.complete(sys.argv[1:] if argv is None else argv, flags.resume)
            flags = utils.get_args(argv)
        path = flags.config_file
        config: Config = ini.read(path)
        ini.override(config, flags.set)
        checks.check(config, path, filter(None, (node_class, service_class)))
        args = utils.get_args(argv, config.get("RUN"))
        mapping = make_mapping(config.get("MAPPING", {}), args, mapping_class)
        if config.get("GRAPH") and "graph_file" not in utils.given(argv):
            args.graph_file = None
        graph = make_graph(config.get("GRAPH", {}), args, mapping.get_n_procs())
        nodes = config.get("NODE", {})
        if node_class is None:
            node_class = load_class(nodes, "node", *DEFAULT_NODE)
        if service_class is None and "server_class" in nodes:
            service_class = load_class(nodes, "server")
        check_parts(args, config, graph, node_class, service_class)
        return cls(args, config, graph, mapping, node_class, service_class)

    def start_from_checkpoints(self) -> int:
        """Have the nodes start from the newest round that all have a checkpoint of.

        Clients of a parameter server go back to theirs when the server asks them: it
        alone knows the round.
        """
        clients = getattr(self.node_class, "server_driven", False)
        served = self.served
        ranks = [rank for rank in self.ranks if (served if rank < 0 else not clients)]
        number = newest_common(self.args.log_dir, ranks) if ranks else 1
        self.first_round, self.continues = number, True
        return number

    @property
    def served(self) -> bool:
        """Whether there is a parameter server, whose model is the result of the run."""
        return self.service_class is not None and self._evaluates()

    @property
    def ranks(self) -> list[int]:
        """The ranks that run on this machine; a service comes first."""
        here = self.args.server_machine == self.args.machine_id
        service = [self.args.server_rank] if self.service_class and here else []
        return service + list(range(self.mapping.get_local_procs_count()))

    def specs(self) -> list[NodeSpec]:
        """Return the nodes and the service of this machine."""
        return [self._spec(rank) for rank in self.ranks]

    def make_folders(self) -> None:
        """Make the folders of logs and weights, with what the run is made from.

        Raises
        ------
        ConfigError
            If they cannot be written to, or hold what is not to be replaced.
        """
        args = self.args
        for name in ("log_dir", "weights_store_dir"):
            folders.make(f"--{name}", Path(getattr(args, name)))
        if not getattr(args, "resume", ""):
            overwrite = getattr(args, "overwrite", False)
            folders.clear(Path(args.log_dir), self.ranks, overwrite)
        _keep(args.config_file, args.log_dir)
        if args.graph_file:
            _keep(args.graph_file, args.log_dir)
        utils.write_args(args, args.log_dir)

    def _spec(self, rank: int) -> NodeSpec:
        args = self.args
        node_class = self.node_class if rank >= 0 else self.service_class
        assert node_class is not None
        config = self._node_config()
        arguments = (rank, args.machine_id, self.mapping, self.graph, config)
        log = f"{getattr(node_class, 'log_name', rank)}.log"
        return NodeSpec(
            node_class,
            arguments + self._options(service=rank < 0),
            rank,
            args.machine_id,
            self.mapping.get_uid(rank, args.machine_id),
            Path(args.log_dir) / log,
            fresh=not self.continues,
        )

    def _node_config(self) -> Config:
        """Return the sections for a node, with what only the run knows."""
        run = RunSection(
            self.config.get("RUN", {}), self.first_round, self.args.checkpoint_every
        )
        comm = {**self.config["COMMUNICATION"], **self.comm_options}
        return {**self.config, "RUN": run, "COMMUNICATION": comm}

    def _options(self, service: bool) -> tuple[Any, ...]:
        """Return what follows the first five arguments, in upstream's order."""
        args = self.args
        log_level = getattr(logging, args.log_level)
        if service and not self._evaluates():
            return (args.iterations, args.log_dir, log_level)
        last = (args.reset_optimizer, args.server_rank)
        return (
            *(args.iterations, args.log_dir, args.weights_store_dir, log_level),
            *(args.test_after, args.train_evaluate_after),
            *((args.working_rate,) if service else last),
        )

    def _evaluates(self) -> bool:
        """Tell a parameter server from a peer sampler.

        One of a user's own may not say which it is; then its arguments do.
        """
        assert self.service_class is not None
        if getattr(self.service_class, "evaluates", False):
            return True
        return "test_after" in inspect.signature(self.service_class).parameters


def check_parts(*parts: Any) -> None:
    """Raise a ConfigError if the parts of an experiment do not go together."""
    from decentralizepy.run import (
        compatibility,  # all nodes and torch: not for a misspelt key
    )

    compatibility.check(compatibility.Parts(*parts))


def load_class(section: dict[str, Any], prefix: str, *default: str) -> Any:
    """Return the class that ``<prefix>_package`` and ``<prefix>_class`` name."""
    keys = (f"{prefix}_package", f"{prefix}_class")
    names = [section.get(key) for key in keys]
    return factory.load(*(names if all(names) else default))


def make_mapping(
    section: dict[str, Any], args: Namespace, mapping_class: type[Mapping] | None
) -> Mapping:
    """Return the mapping that a driver, section MAPPING or nobody (Linear) names."""
    counts = args.procs_per_machine
    if mapping_class is None:
        mapping_class = load_class(
            section, "mapping", "decentralizepy.mappings.Linear", "Linear"
        )
    _check_machines(args)
    per_machine = counts if issubclass(mapping_class, Manual) else _one(counts)
    make: Callable[..., Mapping] = mapping_class
    return make(args.machines, per_machine, args.server_machine, args.machine_id)


def _check_machines(args: Namespace) -> None:
    for name in ("machine_id", "server_machine"):
        machine = getattr(args, name)
        if machine >= args.machines:
            raise ConfigError(
                f"--{name} {machine}: expected a number below --machines "
                f"{args.machines}; machines are counted from 0"
            )


def _one(counts: Sequence[int]) -> int:
    if len(set(counts)) > 1:
        raise ConfigError(
            f"--procs_per_machine {' '.join(map(str, counts))}: expected one number, of "
            "all machines; one for each takes [MAPPING] mapping_class = Manual"
        )
    return counts[0]


def make_graph(section: dict[str, Any], args: Namespace, n_procs: int) -> Graph:
    """Return the graph of the file, if there is one to read, else of section GRAPH."""
    if not args.graph_file:
        return _built(section, args.config_file, n_procs)
    if not section and not Path(args.graph_file).exists():
        raise GraphError(
            f"--graph_file {args.graph_file}: no such file, and {args.config_file} has "
            "no section [GRAPH]: expected one of them"
        )
    graph = Graph()
    graph.read_graph_from_file(args.graph_file, args.graph_type)
    if graph.n_procs != n_procs:
        raise GraphError(
            f"{args.graph_file}: a graph of {graph.n_procs} nodes, but there are {n_procs} "
            f"processes (-ms {args.machines}, -ps {args.procs_per_machine})"
        )
    return graph


def _built(section: dict[str, Any], path: str, n_procs: int) -> Graph:
    try:
        graph: Graph = factory.build(section, "graph", n_procs)
    except GraphError as error:
        name = section["graph_class"]
        raise GraphError(f"{path}: [GRAPH] graph_class = {name}: {error}") from error
    return graph


def _keep(file: str, log_dir: str) -> None:
    copy = Path(log_dir) / Path(file).name
    if not copy.exists() or not copy.samefile(file):
        shutil.copy(file, copy)
