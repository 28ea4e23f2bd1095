"""An experiment: flags, INI file, graph, mapping and classes, resolved once."""

import logging
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from decentralizepy import factory, utils
from decentralizepy.checkpoints import common_rounds
from decentralizepy.config import assignments, checks, flags, ini, places
from decentralizepy.config.run_section import RunSection
from decentralizepy.config.signatures import evaluates
from decentralizepy.files import write_atomic
from decentralizepy.graphs.Graph import Graph
from decentralizepy.mappings.Mapping import Mapping
from decentralizepy.network.description import Network
from decentralizepy.results.lines import stopped_after
from decentralizepy.results.schedule import Evaluators
from decentralizepy.runs import folders, inputs, resume
from decentralizepy.runs.emulation import network_of
from decentralizepy.runs.settings import Settings
from decentralizepy.runs.spec import NodeSpec
from decentralizepy.runs.topology import make_graph, make_mapping

Config = dict[str, dict[str, Any]]
DEFAULT_NODE = "decentralizepy.node.DPSGDNode.DPSGDNode"


@dataclass
class Experiment:
    """An experiment as seen by one machine, before anything has started.

    Attributes
    ----------
    config : dict of dict
        The sections of the INI file, as written.
    parts : Parts
        The classes that the sections name, and their options.
    settings : Settings
        What was given by ``--set`` and by flags, and where other values come from.
    comm_options : dict
        The options of the communication, as prepared by its class.
    fingerprint : dict
        Digests of what must be the same on all machines, by name.
    first_round : int
        Number of rounds already done; nodes start from the checkpoint after them.
    rounds : list of int or None
        Candidates for ``first_round``, if machines have to agree on it.
    seed : int
        The seed of the run, once the data set is known.
    continues : bool
        Whether nodes have run before, so that their logs are appended to.
    launchers, free_ports, namespaces : dict
        Options of the transport among launchers that differ from the nodes'; the ports that
        the launcher has found; descriptors of the nodes' network namespaces, by rank.
    network : Network or None
        What section NETWORK describes.
    """

    args: Namespace
    config: Config
    parts: checks.Parts
    graph: Graph
    mapping: Mapping
    node_class: Callable[..., Any]
    service_class: Callable[..., Any] | None
    settings: Settings
    comm_options: dict[str, Any] = field(default_factory=dict)
    first_round: int = 0
    fingerprint: dict[str, int | None] = field(default_factory=dict)
    rounds: list[int] | None = None
    seed: int = 0
    continues: bool = False
    launchers: dict[str, Any] = field(default_factory=dict)
    free_ports: dict[str, Any] = field(default_factory=dict)
    network: Network | None = None
    namespaces: dict[int, int] = field(default_factory=dict)

    @classmethod
    def load(
        cls,
        argv: Sequence[str] | None = None,
        node_class: Any = None,
        service_class: Any = None,
        mapping_class: type[Mapping] | None = None,
        parser: ArgumentParser | None = None,
    ) -> "Experiment":
        """Read flags, INI file and graph; classes that are not given come from the INI.

        A driver may add flags to :func:`decentralizepy.utils.make_parser` and pass the
        result as ``parser``.

        Raises
        ------
        ConfigError
            For any mistake of the user in these.
        """
        classes = node_class, service_class, mapping_class
        return cls.of(utils.given(argv, parser), classes)

    @classmethod
    def of(
        cls,
        chosen: dict[str, Any],
        classes: tuple[Any, Any, type[Mapping] | None] = (None, None, None),
        addresses: str = "",
    ) -> "Experiment":
        """Do the same with flags that have been read.

        Parameters
        ----------
        chosen
            The flags, by long name.
        classes
            The three classes of :meth:`load`.
        addresses
            An address file instead of that of the INI.
        """
        node_class, service_class, mapping_class = classes
        drivers = [each for each in (node_class, service_class) if each is not None]
        if chosen.get("resume"):
            chosen = resume.complete(chosen)
        path = chosen.get("config_file", flags.defaults()["config_file"])
        config: Config = ini.read(path)
        settings = Settings(ini.read(path), chosen)
        assignments.override(config, settings.texts)
        with assignments.blamed(settings.texts):
            checks.check_text(config, path, drivers)
            if addresses:
                config["COMMUNICATION"]["addresses_filepath"] = addresses
            args = utils.merged(config.get("RUN", {}), chosen)
            args.ini_folder = places.origin(path)
            places.importable(path)
            if config.get("GRAPH") and "graph_file" not in chosen:
                args.graph_file = None
            # last, as the next step imports classes
            written = inputs.read(args, config)
            parts = checks.resolve(config, path)
        mapping = make_mapping(parts.sections.get("MAPPING"), args, mapping_class)
        graph = make_graph(parts, args, written, mapping.get_n_procs())
        node_class = factory.loaded(node_class or parts.node_class or DEFAULT_NODE)
        service_class = factory.loaded(service_class or parts.service_class)
        check_together(args, config, parts, graph, node_class, service_class)
        found = cls(
            args, config, parts, graph, mapping, node_class, service_class, settings
        )
        found.network = network_of(found)
        return found

    def start_from_checkpoints(self, chosen: int | None = None, least: int = 1) -> int:
        """Have the nodes start from the newest round for which all have a checkpoint.

        Clients of a parameter server load theirs at its first request, since only the
        server knows the round. Nodes on several machines agree on a common round.

        Parameters
        ----------
        chosen
            The round to start from; any if None.
        least
            0 if the run may also start from the beginning, 1 if not.

        Returns
        -------
        int
            The newest round of this machine; 0 if it has none, and has to agree.

        Raises
        ------
        ConfigError
            If there is no such round. Machines that have to agree find that out together.
        """
        ranks = self.checkpointing
        rounds = [*common_rounds(self.args.log_dir, ranks)] if ranks else [1]
        rounds += [] if least else [0]
        agree = self.args.machines > 1 and not self._server_decides
        if chosen is not None or not agree:
            rounds = resume.choose(rounds, chosen, self.args.resume)
        self.rounds = rounds if agree else None
        self.first_round, self.continues = (rounds or [0])[0], True
        return self.first_round

    @property
    def checkpointing(self) -> list[int]:
        """The ranks on this machine that write every checkpoint that is due."""
        nodes, served = not self._server_decides, self.served
        return [rank for rank in self.ranks if (nodes if rank >= 0 else served)]

    @property
    def _server_decides(self) -> bool:
        return bool(getattr(self.node_class, "server_driven", False))

    @property
    def served(self) -> bool:
        """Whether there is a parameter server, whose model is the result of the run."""
        return evaluates(self.service_class)

    @property
    def rounds_done(self) -> int:
        """The number of rounds of a run that has ended, maybe at its target accuracy."""
        stopped = stopped_after(self.args.log_dir) if self.args.target_accuracy else 0
        return stopped or int(self.args.iterations)

    @property
    def evaluators(self) -> Evaluators:
        """The nodes that evaluate."""
        return Evaluators(self.args.evaluate, self.graph.n_procs, self.seed)

    @property
    def ranks(self) -> list[int]:
        """The ranks that run on this machine; a service comes first."""
        here = self.args.server_machine == self.args.machine_id
        service = [self.args.server_rank] if self.service_class and here else []
        return service + list(range(self.mapping.get_local_procs_count()))

    def specs(self) -> list[NodeSpec]:
        """Return the nodes and the service of this machine."""
        config = self._node_config()  # once, for thousands of nodes
        return [self._spec(rank, config) for rank in self.ranks]

    def make_folders(self) -> None:
        """Create the folders for logs and weights, and copy the run's inputs there.

        Raises
        ------
        ConfigError
            If they cannot be written to, or contain files that must not be replaced.
        """
        args = self.args
        for name in ("log_dir", "weights_store_dir"):
            folders.make(f"--{name}", Path(getattr(args, name)))
        read = inputs.files(args, self.config)
        copied = [Path(file) for file in (args.config_file, args.graph_file) if file]
        folders.spare(Path(args.log_dir), read, copied)
        folders.spare(Path(args.weights_store_dir), read)
        if not getattr(args, "resume", ""):
            overwrite = getattr(args, "overwrite", False)
            folders.clear(Path(args.log_dir), self.ranks, overwrite)
        folders.keep(args.config_file, args.log_dir)
        if args.set:
            name = f"{Path(args.config_file).stem}.effective.ini"
            write_atomic(Path(args.log_dir, name), ini.render(self.config))
        if args.graph_file:
            folders.keep(args.graph_file, args.log_dir)
        utils.write_args(args, args.log_dir)

    def _spec(self, rank: int, config: Config) -> NodeSpec:
        args = self.args
        node_class = self.node_class if rank >= 0 else self.service_class
        assert node_class is not None
        place = (rank, args.machine_id, self.mapping, self.graph, config)
        return NodeSpec(
            node_class,
            place + self._options(service=rank < 0),
            rank,
            args.machine_id,
            self.mapping.get_uid(rank, args.machine_id),
            Path(args.log_dir, f"{getattr(node_class, 'log_name', rank)}.log"),
            fresh=not self.continues,
            namespace=self.namespaces.get(rank),
        )

    def _node_config(self) -> Config:
        """Return the sections for a node, including the state of the run."""
        run = RunSection(
            self.config.get("RUN", {}),
            self.first_round,
            self.args.checkpoint_every,
            self.fingerprint,
            self.rounds,
            self.args.evaluate,
            self.args.target_accuracy,
        )
        comm = {**self.config["COMMUNICATION"], **self.comm_options}
        return {**self.config, "RUN": run, "COMMUNICATION": comm}

    def _options(self, service: bool) -> tuple[Any, ...]:
        """Return the arguments after the first five, in DecentralizePy's order."""
        args, log_level = self.args, getattr(logging, self.args.log_level)
        first: tuple[Any, ...] = (args.iterations, args.log_dir)
        if service and not self.served:
            return (*first, log_level)
        tests = (args.test_after, args.train_evaluate_after)
        first = (*first, args.weights_store_dir, log_level, *tests)
        if service:
            return (*first, args.working_rate)
        service_rank = (args.server_rank,) if self.service_class else ()
        return (*first, args.reset_optimizer, *service_rank)


def check_together(args: Namespace, config: Config, *chosen: Any) -> None:
    """Raise a ConfigError if the parts of an experiment are incompatible."""
    # imported late: it imports torch, which a misspelt key need not wait for
    from decentralizepy.runs import compatibility
    from decentralizepy.runs.chosen import Chosen

    parts, *rest = chosen
    compatibility.check(Chosen(args, config, parts["SHARING"].cls, *rest))
