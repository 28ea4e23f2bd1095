"""The network that section NETWORK describes, and what can be emulated on it."""

from argparse import Namespace
from collections.abc import Iterator, Mapping
from typing import Any

from decentralizepy.config.signatures import is_ours
from decentralizepy.errors import ConfigError, Problem, located
from decentralizepy.network.description import SECTION, Network, describe
from decentralizepy.network.namespaces import require
from decentralizepy.randomness import DEFAULT_SEED

STEPS: tuple[str, ...] = ("instantiate", "run", "round", "record", "gather", "wait_for")
STEPS += ("receive_DPSGD", "receive_channel", "received_from_all", "file_update")
"""Steps of a node that say what it waits for; who replaces one may wait otherwise."""


def network_of(experiment: Any) -> Network | None:
    """Return the network of an Experiment; None if it has no section NETWORK.

    Raises
    ------
    ConfigError
        If a file that the section names does not fit, or the engine cannot emulate a
        network for these classes.
    """
    section, path = experiment.config.get(SECTION), experiment.args.config_file
    if section is None:
        if is_real(experiment.args):
            expected = "a section [NETWORK]"
            raise ConfigError(key="--network", value="real", expected=expected)
        return None
    obstacles = _real_obstacles if is_real(experiment.args) else _obstacles
    if found := [*obstacles(section, experiment)]:
        raise ConfigError(problems=[each.within(file=path) for each in found])
    seed = experiment.config["DATASET"].get("random_seed")
    services = int(experiment.service_class is not None)
    with located(file=path):
        network = describe(
            section,
            experiment.graph.n_procs,
            services,
            DEFAULT_SEED if seed is None else seed,
        )
    if is_real(experiment.args):
        require(network)
    if network.gaps:
        text = f"{network.gaps} latencies of [NETWORK] were not measured"
        print(f"note: {text}; see docs/network.rst for what is taken instead")
    return network


def is_real(args: Namespace) -> bool:
    """Return whether the links between nodes are to be those of section NETWORK."""
    return getattr(args, "network", "virtual") == "real"


def is_asynchronous(node_class: Any) -> bool:
    """Return whether what a node does may depend on when messages arrive.

    True of a user's class that replaces a step that says what a node waits for.
    """
    return bool(getattr(node_class, "asynchronous", False) or _own_step(node_class))


def _own_step(node_class: Any) -> str:
    """Return the first of ``STEPS`` that is a user's; "" if there is none."""
    steps = ((name, getattr(node_class, name, None)) for name in STEPS)
    own = (name for name, step in steps if step and not is_ours(step.__module__))
    return next(own, "")


def _obstacles(section: Mapping[str, Any], experiment: Any) -> Iterator[Problem]:
    """Yield why no network can be emulated."""
    args, node_class = experiment.args, experiment.node_class
    comm_class = experiment.parts["COMMUNICATION"].cls
    measured = "compute_file" not in section
    measured &= section.get("compute", "measured") == "measured"
    place: dict[str, Any] = {"section": SECTION, "key": "compute", "value": "measured"}
    if not is_ours(comm_class):
        yield Problem(
            "[NETWORK] counts what the transports of this package send",
            section="COMMUNICATION",
            key="comm_class",
            value=comm_class.__name__,
        )
    if is_asynchronous(node_class):
        if args.engine != "debug" and not _is_one_worker(args):
            own = _own_step(node_class)
            why = f"its own {own} may depend" if own else "depends"
            name = node_class.__name__
            cause = f"what {name} does {why} on when messages arrive, with [NETWORK]"
            expected = "debug, or packed with --workers 1"
            yield Problem(cause, key="--engine", value=args.engine, expected=expected)
        if args.batched != "off":
            cause = "nodes that wait for each other have no times of their own"
            yield Problem(cause, key="--batched", value=args.batched)
        if measured:
            cause = f"would change the order of messages to {node_class.__name__}"
            expected = "seconds, or compute_file"
            yield Problem(cause, **place, expected=expected)
    elif measured and args.engine != "process":
        cause = "nodes that share a process cannot tell their seconds from others'"
        yield Problem(
            cause, **place, expected="seconds, compute_file, or one process per node"
        )


def _real_obstacles(section: Mapping[str, Any], experiment: Any) -> Iterator[Problem]:
    """Yield why nodes cannot run in network namespaces, with the links of a section."""
    args, comm_class = experiment.args, experiment.parts["COMMUNICATION"].cls
    place: dict[str, Any] = {"key": "--network", "value": "real"}
    if args.machines > 1:
        yield Problem("all nodes run on one machine", **place, expected="-ms 1")
    if args.engine != "process":
        cause = "nodes of one process have no links"
        yield Problem(cause, **place, expected="--engine process")
    if not is_ours(comm_class) or not hasattr(comm_class, "ports"):
        name = comm_class.__name__
        yield Problem(f"{name} does not use the links", **place, expected="TCP")
    if section.get("sharing") == "fifo":
        cause = "TCP shares links among all transfers"
        yield Problem(cause, section=SECTION, key="sharing", value="fifo")


def _is_one_worker(args: Namespace) -> bool:
    return bool(args.engine == "packed" and args.workers == 1)
