"""Checks of an INI file that need no class to be imported."""

import os
from collections.abc import Generator, Iterable, Iterator, Mapping
from inspect import Parameter
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field

from decentralizepy.config.flags import run_problems
from decentralizepy.config.ini import Section
from decentralizepy.config.signatures import Options, is_ours
from decentralizepy.config.values import fitted, option_problems
from decentralizepy.errors import Problem, nearest
from decentralizepy.factory import RESERVED
from decentralizepy.utils import remove_keys


class Kind(NamedTuple):
    """A section that names a class: its key prefix, and the positional arguments."""

    prefix: str
    arguments: str


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "DATASET": Kind("dataset", "rank machine_id mapping"),
        "OPTIMIZER_PARAMS": Kind("optimizer", "params"),
        "TRAIN_PARAMS": Kind(
            "training", "rank machine_id mapping model optimizer loss log_dir"
        ),
        "LR_SCHEDULER": Kind("scheduler", "optimizer"),
        "COMMUNICATION": Kind("comm", "rank machine_id mapping total_procs"),
        "SHARING": Kind(
            "sharing",
            "rank machine_id communication mapping graph model dataset log_dir",
        ),
        "GRAPH": Kind("graph", "n_procs"),
        "MAPPING": Kind(
            "mapping",
            "n_machines procs_per_machine global_service_machine current_machine",
        ),
        "ATTACK": Kind("attack", "uid seed"),
        "TRACKING": Kind("tracking", "log_dir"),
    }
)
REQUIRED = ("DATASET", "OPTIMIZER_PARAMS", "TRAIN_PARAMS", "COMMUNICATION", "SHARING")
SECTIONS = (*KINDS, "NODE", "RUN", "FAULTS", "NETWORK", "OBSERVER", "CHURN")
FOLDERS = ("train_dir", "test_dir", "images_dir")

_NODE_CLASSES = tuple((f"{of}_package", f"{of}_class") for of in ("node", "server"))
_SECONDS = Annotated[float, Field(gt=0)]
_POSITIVE = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_AMOUNT = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_COUNT = Annotated[int, Field(ge=1)]
_LENGTH = Annotated[float, Field(ge=1, allow_inf_nan=False)]
_UID = Annotated[int, Field(ge=0)]


def _keys(**kinds: Any) -> Options:
    """Return the options, all optional, of a section that does not name a class."""
    known = {
        name: Parameter(name, Parameter.KEYWORD_ONLY, default=0, annotation=kind)
        for name, kind in kinds.items()
    }
    return Options(known, closed=True, room=0)


FAULTS = _keys(
    nonfinite=Literal["abort", "drop", "keep"],
    on_peer_loss=Literal["abort", "drop", "restart"],
    peer_timeout=_SECONDS,
    start_timeout=_SECONDS,
    warn_after=_SECONDS,
)
NETWORK = _keys(
    latency=_AMOUNT,
    latency_file=str,
    topology=str,
    bandwidth=_POSITIVE,
    up=_POSITIVE,
    down=_POSITIVE,
    bandwidth_file=str,
    jitter=_AMOUNT,
    jitter_file=str,
    loss=Annotated[float, Field(ge=0, lt=1)],
    loss_file=str,
    sharing=Literal["fair", "fifo"],
    compute=Literal["measured"] | _AMOUNT,
    compute_file=str,
    watts=_AMOUNT,
    phones_file=str,
    sent_joules_per_mb=_AMOUNT,
    received_joules_per_mb=_AMOUNT,
)
OBSERVER = _keys(
    nodes=int | list[int],
    every=_COUNT,
    max_mib=_POSITIVE,
)
CHURN = _keys(
    rate=Annotated[float, Field(gt=0, le=1)],
    mean_up=_LENGTH,
    mean_down=_LENGTH,
    trace_file=str,
    join=_UID | list[_UID],
    join_round=_COUNT,
    leave=_UID | list[_UID],
    leave_round=_COUNT,
    loss=Annotated[float, Field(ge=0, lt=1)],
    bad_loss=Annotated[float, Field(gt=0, le=1)],
    mean_good=_LENGTH,
    mean_bad=_LENGTH,
)
NODE = _keys(
    graph_degree=Annotated[int, Field(ge=0)],
    timeout=_SECONDS,
    initial_neighbors=_COUNT,
    k=_COUNT,
    gossip_rounds=_COUNT,
    training_rounds=_COUNT,
    sync_rounds=Annotated[int, Field(ge=0)],
    training_budget=_COUNT | list[_COUNT],
    merge_at=Annotated[float, Field(ge=0, le=1)],
    selection_rounds=_COUNT,
    top=_COUNT,
    client_weights=Literal["equal", "samples"],
    active=_COUNT,
    token_graph=Literal["Ring", "FullyConnected", "Hypercube", "Torus"],
)

_OWN: Mapping[str, Options] = MappingProxyType(
    {
        "optimizer": _keys(decay_norm_and_bias=bool),
        "scheduler": _keys(interval=Literal["round", "step"]),
        "attack": _keys(
            nodes=_UID | list[_UID],
            count=_COUNT,
            fraction=Annotated[float, Field(gt=0, lt=1)],
            position=Literal[
                "random", "highest_degree", "lowest_degree", "betweenness"
            ],
            start=_UID,
        ),
    }
)
"""Keys of sections that name a class, by prefix, which are not options of the class."""


def problems(
    config: Mapping[str, Section], nodes: Iterable[Any] = ()
) -> Iterator[Problem]:
    """Yield the problems of sections, and of keys that are not options of a class.

    A misspelt section or key is checked as the one that was meant. Sections that resemble
    none are not a problem: see :func:`unread`.

    Parameters
    ----------
    config
        The result of :func:`decentralizepy.config.ini.read`.
    nodes
        The node and service classes that a driver runs, regardless of the file.
    """
    meant = {name: near for name, near in _unknown(config).items() if near}
    for name, near in meant.items():
        yield Problem("is unknown", section=name, suggestion=f"[{near}]")
    for name in REQUIRED:
        if name not in config and name not in meant.values():
            yield Problem("is missing", section=name)
    for name, section in config.items():
        found = _section(meant.get(name) or name, section, nodes)
        yield from (each.within(section=name) for each in found)


def unread(config: Mapping[str, Section]) -> list[str]:
    """Return the sections and keys of section NODE that this package does not read."""
    sections = [f"[{name}]" for name, near in _unknown(config).items() if not near]
    known = {*NODE.known, *(name for pair in _NODE_CLASSES for name in pair)}
    keys = [f"[NODE] {key}" for key in config.get("NODE", {}) if key not in known]
    return sections + keys


def _unknown(config: Mapping[str, Section]) -> dict[str, str | None]:
    """Return the unknown sections, each with the section that was probably meant."""
    free = [name for name in SECTIONS if name not in config]
    return {name: nearest(name, free) for name in config if name not in SECTIONS}


def _section(name: str, section: Section, nodes: Iterable[Any]) -> Iterator[Problem]:
    if name in KINDS:
        yield from _class_keys(KINDS[name].prefix, section)
    elif name == "NODE":
        yield from _node(section, nodes)
    elif name == "RUN":
        yield from run_problems(section)
    elif name == "FAULTS":
        yield from option_problems("FAULTS", FAULTS, section)
    elif name == "NETWORK":
        yield from option_problems("NETWORK", NETWORK, section)
    elif name == "OBSERVER":
        found = {**section, **_fitted(OBSERVER, section)}
        yield from option_problems("OBSERVER", OBSERVER, found)
    elif name == "CHURN":
        found = {**section, **_fitted(CHURN, section)}
        yield from option_problems("CHURN", CHURN, found)


def _class_keys(prefix: str, written: Section) -> Iterator[Problem]:
    names = [f"{prefix}_package", f"{prefix}_class"]
    section = yield from _respelt(written, (*names, *RESERVED.get(prefix, ())))
    if prefix == "dataset":
        names.append("model_class")
        yield from _folders(section)
    elif prefix in _OWN:
        own = _fitted(_OWN[prefix], section)
        yield from option_problems("this section", _OWN[prefix], own)
    elif prefix == "training":
        function = "loss" in section and not section.get("loss_class")
        names += ["loss_package", "loss" if function else "loss_class"]
    yield from (Problem("missing", key=key) for key in names if not section.get(key))


def _fitted(options: Options, section: Section) -> Section:
    """Return the options in a section, as numbers where they need some."""
    known = options.known
    return {key: fitted(known[key], section[key]) for key in known if key in section}


def _node(written: Section, nodes: Iterable[Any]) -> Iterator[Problem]:
    names = [name for pair in _NODE_CLASSES for name in pair]
    section = yield from _respelt(written, names)
    for pair in _NODE_CLASSES:
        if not section.keys().isdisjoint(pair):
            lacking = (key for key in pair if not section.get(key))
            yield from (Problem("missing", key=key) for key in lacking)
    # a user's class may read any key
    packages = [str(section[key]) for key, _ in _NODE_CLASSES if section.get(key)]
    ours = all(package.startswith("decentralizepy.") for package in packages)
    known = NODE._replace(closed=ours and all(map(is_ours, nodes)))
    found = {**section, **_fitted(NODE, section)}
    yield from option_problems("NODE", known, remove_keys(found, names))


def _respelt(
    section: Section, names: Iterable[str]
) -> Generator[Problem, None, Section]:
    """Yield misspelt ``names``; return the section with their spelling corrected."""
    free = [name for name in names if name not in section]
    meant = {key: nearest(key, free, cutoff=0.85) or key for key in section}
    for key, name in meant.items():
        if key != name:
            yield Problem("not a key of this section", key=key, suggestion=name)
    return {meant[key]: value for key, value in section.items()}


def _folders(section: Section) -> Iterator[Problem]:
    for key in FOLDERS:
        folder = section.get(key)
        if isinstance(folder, str) and folder and not os.path.exists(folder):
            cause = f"no such folder ({os.path.abspath(folder)})"
            if not os.path.isabs(folder):
                cause += ", nor one beside the INI file"
            yield Problem(cause, key=key, value=folder)
