"""Loads an experiment together with the launchers of the other machines."""

import json
import os
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from decentralizepy import utils
from decentralizepy.config.alike import LOCAL, SECTIONS
from decentralizepy.config.signatures import Options
from decentralizepy.errors import ConfigError
from decentralizepy.graphs.digest import digest
from decentralizepy.mappings.addresses import host_of, offset_of, read_addresses
from decentralizepy.placement import ports
from decentralizepy.placement.boards import Fixed
from decentralizepy.placement.find import find, plan, started_by
from decentralizepy.placement.guest import Guest
from decentralizepy.placement.host import Host
from decentralizepy.placement.place import Place, Plan
from decentralizepy.placement.reach import unanswered
from decentralizepy.placement.remote import is_remote
from decentralizepy.runs.experiment import Experiment
from decentralizepy.runs.resume import of_machine
from decentralizepy.runs.scratch import Scratch
from decentralizepy.runs.signals import end_with_parent
from decentralizepy.runs.source import of_package

FLAGS = ("iterations", "procs_per_machine", "server_machine", "server_rank")
Agent = Host | Guest
Classes = tuple[Any, Any, Any]


@contextmanager
def placed(
    argv: Sequence[str] | None,
    classes: Classes = (None, None, None),
    parser: ArgumentParser | None = None,
) -> Iterator[Experiment]:
    """Yield the experiment of this machine, once all machines are ready to run it.

    Parameters
    ----------
    argv, parser
        As for :meth:`decentralizepy.runs.experiment.Experiment.load`.
    classes
        Its node class, service class and mapping class.

    Raises
    ------
    DecentralizepyError
        If the experiment is not valid, here or on another machine.
    """
    chosen = utils.given(argv, parser)
    if is_remote(chosen):
        raise ConfigError("--hosts and --placement ray: expected decentralizepy run")
    place = find(chosen, os.environ)
    if place is None:
        experiment = Experiment.of(chosen, classes)
        with free_ports(experiment):
            yield experiment
        return
    starter = started_by(chosen, os.environ)
    if starter and starter[0] == "torchrun":  # others end what they have started
        end_with_parent()
    with ExitStack() as stack:
        folder = stack.enter_context(Scratch())
        with join(place, plan(chosen)) as agent:
            if agent.machine:  # machine 0 speaks for all
                null = stack.enter_context(open(os.devnull, "w"))
                stack.enter_context(redirect_stdout(null))
            experiment = load(chosen, place, agent, classes, folder)
            offset = stack.enter_context(ports_of(experiment, agent.host))
            address = f"{written(agent.host)}:{offset}"
            addresses = agent.meet(address, facts(experiment))
            unreached = unanswered(agent.machine, addresses)
            if isinstance(agent, Guest):
                agent.report(unreached, 1)
            else:
                agent.clear(unreached)
            write(addresses, folder)
        experiment.launchers = {"addresses_filepath": str(folder / "launchers.json")}
        yield experiment


def join(place: Place, known: Plan) -> Agent:
    """Return this launcher's end of the rendezvous, at which all machines have come.

    Errors as for :class:`~decentralizepy.placement.host.Host`.
    """
    server = None
    if place.machine == 0:
        server = place.board.listen()
    elif place.machine is None and isinstance(place.board, Fixed):
        server = place.board.try_listen()
    if server is None:
        return Guest(place, known)
    print(f"machine 0 of {place.machines}{place.source}; meeting at {place.board}")
    return Host(server, place, known)


def load(
    chosen: Mapping[str, Any],
    place: Place,
    agent: Agent,
    classes: Classes,
    folder: Path,
) -> Experiment:
    """Load the experiment as that of the agent's machine."""
    machine = agent.machine
    mine = {**chosen, "machine_id": machine, "machines": place.machines}
    if chosen.get("resume"):
        if place.machine is None:
            raise ConfigError(
                "without --machine_id, machines are numbered as they come",
                key="--resume",
                value=chosen["resume"],
            )
        mine["resume"] = of_machine(chosen["resume"], machine)
        mine.pop("log_dir", None)  # that of the whole run
    else:
        mine["log_dir"] = str(Path(agent.log_dir, f"machine{machine}"))
        mine["weights_store_dir"] = agent.weights_store_dir
    nodes = folder / "nodes.json"
    nodes.write_text("{}")  # until the addresses are known
    return Experiment.of(mine, classes, str(nodes))


@contextmanager
def free_ports(experiment: Experiment) -> Iterator[None]:
    """Hold free ports for nodes that are all on this machine, unless the user chose some.

    Raises
    ------
    AddressError
        If there are none, or the address in the address file is not of this machine.
    """
    host = _host_of_any_ports(experiment)
    if host is None:
        yield
        return
    with ports_of(experiment, host) as offset:
        experiment.free_ports = {"offset": offset}
        yield


def _host_of_any_ports(experiment: Experiment) -> str | None:
    """Return the address of the nodes; None if they have no ports, or given ones."""
    args, (cls, options) = experiment.args, experiment.parts["COMMUNICATION"]
    if args.engine != "process" or args.machines > 1 or not hasattr(cls, "ports"):
        return None
    if "offset" in options or "offset" not in Options.of(cls).known:
        return None
    path = options.get("addresses_filepath")
    if not path:
        return "127.0.0.1"
    addresses = read_addresses(path)
    if offset_of(addresses, args.machine_id, 0):
        return None
    return host_of(addresses, args.machine_id, path)


@contextmanager
def ports_of(experiment: Experiment, host: str) -> Iterator[int]:
    """Yield the offset of this machine's ports, which are held for this run.

    Raises
    ------
    ConfigError
        If the transport does not connect machines.
    """
    cls, options = experiment.parts["COMMUNICATION"]
    numbers = getattr(cls, "ports", None)
    if numbers is None:
        raise ConfigError(
            file=experiment.args.config_file,
            section="COMMUNICATION",
            key="comm_class",
            value=cls.__name__,
            expected="TCP, which connects machines",
        )
    ranks = sorted(experiment.ranks)
    wished = options.get("offset")
    with ports.held(host, lambda offset: numbers(ranks, offset), wished) as offset:
        yield offset


def facts(experiment: Experiment) -> dict[str, str]:
    """Return what must be the same on all machines, except for the data."""
    from decentralizepy.runs import fingerprint  # takes torch

    config, args = experiment.config, experiment.args
    written = {
        f"[{section}] {key}": str(value)
        for section in (*SECTIONS, "NODE", "GRAPH")
        for key, value in (config.get(section) or {}).items()
        if key not in LOCAL
    }
    given = {f"--{name}": str(getattr(args, name)) for name in FLAGS}
    plugins = fingerprint.of_source(fingerprint.classes(experiment))
    return {
        **given,
        **written,
        "digest of the graph": f"{digest(experiment.graph, config.get('GRAPH')):08x}",
        "digest of plug-ins": f"{plugins:016x}",
        "digest of decentralizepy's source": f"{of_package():016x}",
    }


def write(addresses: Mapping[str, str], folder: Path) -> None:
    """Write the address files of the nodes, and of the launchers, one port below."""
    launchers = {}
    for machine, address in addresses.items():
        host, _, offset = address.rpartition(":")
        launchers[machine] = f"{host}:{int(offset) - 1}"
    for name, content in (("nodes", addresses), ("launchers", launchers)):
        (folder / f"{name}.json").write_text(json.dumps(content))


def written(host: str) -> str:
    """Return an IP address as it is written before a port."""
    return f"[{host}]" if ":" in host else host
