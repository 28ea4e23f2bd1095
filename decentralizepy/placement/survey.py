"""Measures the network among the machines of a run, before anything is trained."""

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from decentralizepy.errors import ConfigError, printable
from decentralizepy.placement.find import find, plan
from decentralizepy.placement.guest import Guest
from decentralizepy.placement.host import Host
from decentralizepy.placement.messages import Ready
from decentralizepy.placement.placed import facts, join, load, ports_of, written
from decentralizepy.placement.ways import Way, answering, measure
from decentralizepy.runs.scratch import Scratch

VERSIONS = ("python", "torch")
"""Facts that may differ: a run works, but perhaps not to the same bit."""


class Survey(NamedTuple):
    """What was found.

    Attributes
    ----------
    problems : list of str
        What would keep a run from working.
    warnings : sequence of str
    names : dict
        Each machine with its host name; like ``ways``, only known to machine 0.
    ways : dict
        The ways from each machine to all others.
    """

    problems: list[str]
    warnings: Sequence[str] = ()
    names: Mapping[int, str] = MappingProxyType({})
    ways: Mapping[int, list[Way]] = MappingProxyType({})


def survey(chosen: Mapping[str, Any]) -> Survey:
    """Meet the other machines as a run would, and measure the ways between them.

    Parameters
    ----------
    chosen
        The flags given on the command line, by long name.

    Raises
    ------
    DecentralizepyError
        If the experiment is not valid, here or on another machine.
    """
    place = find(chosen, os.environ)
    if place is None:
        expected = "--rendezvous HOST:PORT --machines N as well, on each machine"
        raise ConfigError(key="--network", expected=expected)
    with Scratch() as folder, join(place, plan(chosen)) as agent:
        experiment = load(chosen, place, agent, (None, None, None), folder)
        with ports_of(experiment, agent.host) as offset:
            cls = experiment.parts["COMMUNICATION"].cls
            port = cls.ports(sorted(experiment.ranks), offset)[0]
            address = f"{written(agent.host)}:{port}"
            with answering(agent.host, port):
                told = {**facts(experiment), **versions()}
                if isinstance(agent, Guest):
                    return _follow(agent, address, told)
                return _lead(agent, address, told)


def versions() -> dict[str, str]:
    """Return the facts that may differ."""
    import torch

    found = platform.python_version(), str(torch.__version__)
    return dict(zip(VERSIONS, found, strict=True))


def _lead(agent: Host, address: str, told: dict[str, str]) -> Survey:
    """Have one machine after another measure its ways; return what was found."""
    ready = agent.gather(address, told)
    addresses = agent.release()
    names = {machine: printable(agent.named(machine)) for machine in ready}
    ways = {0: _ways(0, addresses)}
    for machine in range(1, len(ready)):
        ways[machine] = agent.ask(machine)
    unlike = dict(differences(ready, names))
    warnings = [unlike.pop(name) for name in VERSIONS if name in unlike]
    problems = [*blocked(ways, names), *unlike.values()]
    agent.dismiss(problems)
    return Survey(problems, warnings, names, ways)


def _follow(agent: Guest, address: str, told: dict[str, str]) -> Survey:
    """Measure when it is this machine's turn; return what machine 0 has found."""
    addresses = agent.meet(address, told)
    agent.await_turn(len(addresses))
    ways = _ways(agent.machine, addresses)
    return Survey([*map(printable, agent.report(ways, len(addresses)))])


def _ways(machine: int, addresses: Mapping[str, str]) -> list[Way]:
    others = {int(other): address for other, address in addresses.items()}
    return [measure(to, others[to]) for to in sorted(others) if to != machine]


def blocked(ways: Mapping[int, list[Way]], names: Mapping[int, str]) -> Iterator[str]:
    """Yield a line for each machine that cannot reach another."""
    for machine, outward in ways.items():
        for way in outward:
            if way.failure:
                yield (
                    f"{names[machine]} does not reach {names[way.to]} at "
                    f"{printable(way.address)}: {printable(way.failure)}"
                )


def differences(
    ready: Mapping[int, Ready], names: Mapping[int, str]
) -> Iterator[tuple[str, str]]:
    """Yield each fact that differs from that of machine 0, with a line that says so."""
    own = ready[0].facts
    for machine, other in ready.items():
        for name in sorted(own.keys() & other.facts.keys()):
            if own[name] != other.facts[name]:
                text = f"{name} = {other.facts[name]}, but {own[name]} on {names[0]}"
                yield name, printable(f"{names[machine]}: {text}")
