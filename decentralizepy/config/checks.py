"""What is wrong with an INI file, found before any process starts."""

import os
from collections.abc import Generator, Iterable, Iterator, Mapping
from inspect import Parameter
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field

from decentralizepy.config.flags import run_problems
from decentralizepy.config.ini import Section
from decentralizepy.config.signatures import Options
from decentralizepy.config.trials import is_ours, trial
from decentralizepy.config.values import misfit
from decentralizepy.errors import ConfigError, nearest, shown
from decentralizepy.factory import RESERVED, find_class, find_module
from decentralizepy.utils import remove_keys


class Part(NamedTuple):
    """A section that names a class: the prefix of its keys, and what the class is passed."""

    prefix: str
    arguments: str


PARTS: Mapping[str, Part] = MappingProxyType(
    {
        "DATASET": Part("dataset", "rank machine_id mapping"),
        "OPTIMIZER_PARAMS": Part("optimizer", "params"),
        "TRAIN_PARAMS": Part(
            "training", "rank machine_id mapping model optimizer loss log_dir"
        ),
        "COMMUNICATION": Part("comm", "rank machine_id mapping total_procs"),
        "SHARING": Part(
            "sharing",
            "rank machine_id communication mapping graph model dataset log_dir",
        ),
        "GRAPH": Part("graph", "n_procs"),
        "MAPPING": Part(
            "mapping",
            "n_machines procs_per_machine global_service_machine current_machine",
        ),
    }
)
REQUIRED = ("DATASET", "OPTIMIZER_PARAMS", "TRAIN_PARAMS", "COMMUNICATION", "SHARING")
SECTIONS = (*PARTS, "NODE", "RUN", "FAULTS")
FOLDERS = ("train_dir", "test_dir", "images_dir")

_SECONDS = Annotated[float, Field(gt=0)]
_COUNT = Annotated[int, Field(ge=1)]


def _keys(**kinds: Any) -> Options:
    """Return options, none of them required, of a section that names no class."""
    known = {
        name: Parameter(name, Parameter.KEYWORD_ONLY, default=0, annotation=kind)
        for name, kind in kinds.items()
    }
    return Options(known, closed=True, words=set(), room=0)


_FAULTS = _keys(
    nonfinite=Literal["abort", "drop", "keep"],
    on_peer_loss=Literal["abort", "drop", "restart"],
    peer_timeout=_SECONDS,
    start_timeout=_SECONDS,
    warn_after=_SECONDS,
)
_NODE = _keys(
    graph_degree=Annotated[int, Field(ge=0)],
    timeout=_SECONDS,
    initial_neighbors=_COUNT,
    k=_COUNT,
    gossip_rounds=_COUNT,
    client_weights=Literal["equal", "samples"],
)


def check(
    config: Mapping[str, Section],
    path: str | os.PathLike[str],
    nodes: Iterable[Any] = (),
) -> None:
    """Raise one ConfigError with a line for each thing that is wrong with an INI file.

    Parameters
    ----------
    config
        What :func:`decentralizepy.config.ini.read` returned.
    path
        The file, as its user wrote it.
    nodes
        The classes of nodes and services that a driver runs, whatever the file says.
    """
    found = [f"{path}: {problem}" for problem in problems(config, nodes)]
    if found:
        raise ConfigError("\n".join(found))


def problems(config: Mapping[str, Section], nodes: Iterable[Any] = ()) -> Iterator[str]:
    """Yield what is wrong with the sections, the classes they name and their options.

    The classes are imported, and those that can be are tried with their options. A
    misspelt section or key is read as the one it stands for.
    """
    free = [name for name in SECTIONS if name not in config]
    meant = {name: nearest(name, free) for name in config if name not in SECTIONS}
    for name, near in meant.items():
        known = ", ".join(SECTIONS)
        hint = f"did you mean [{near}]?" if near else f"these are known: {known}"
        yield f"section [{name}] is unknown; {hint}"
    for name in REQUIRED:
        if name not in config and name not in meant.values():
            yield f"section [{name}] is missing"
    for name, section in config.items():
        found = _section(meant.get(name) or name, section, nodes)
        yield from (f"[{name}] {problem}" for problem in dict.fromkeys(found))


def _section(name: str, section: Section, nodes: Iterable[Any]) -> Iterator[str]:
    if name in PARTS:
        yield from _part(PARTS[name], section)
    elif name == "NODE":
        yield from _node(section, nodes)
    elif name == "RUN":
        yield from run_problems(section)
    elif name == "FAULTS":
        yield from _options("FAULTS", _FAULTS, section)


def _part(part: Part, written: Section) -> Iterator[str]:
    package, name = f"{part.prefix}_package", f"{part.prefix}_class"
    reserved = (package, name, *RESERVED.get(part.prefix, ()))
    section = yield from _respelt(written, reserved)
    target = yield from _class(section, package, name)
    if part.prefix == "dataset":
        yield from _class(section, package, "model_class")
        yield from _folders(section)
    elif part.prefix == "training":
        function = "loss" in section and not section.get("loss_class")
        yield from _class(section, "loss_package", "loss" if function else "loss_class")
    if target is None:
        return
    passed = len(part.arguments.split())
    options = Options.of(target, passed)
    if options.room < passed:
        yield f"{name} = {section[name]}: does not take the arguments {part.arguments}"
        return
    found = list(_compression(options, section)) if part.prefix == "sharing" else []
    found += _options(section[name], options, remove_keys(section, reserved))
    yield from found or trial(part.prefix, target, section)


def _node(written: Section, nodes: Iterable[Any]) -> Iterator[str]:
    names = [
        f"{of}_{what}" for of in ("node", "server") for what in ("package", "class")
    ]
    section = yield from _respelt(written, names)
    classes = list(nodes)
    for keys in (names[:2], names[2:]):
        if not section.keys().isdisjoint(keys):
            classes.append((yield from _class(section, *keys)))
    # a class of the user's own reads what it likes
    closed = all(each is None or is_ours(each) for each in classes)
    known = _NODE._replace(closed=closed)
    yield from _options("NODE", known, remove_keys(section, names))


def _respelt(
    section: Section, names: Iterable[str]
) -> Generator[str, None, dict[str, Any]]:
    """Yield the keys that stand for one of ``names``; return the section with those."""
    free = [name for name in names if name not in section]
    meant = {key: nearest(key, free, cutoff=0.85) or key for key in section}
    for key, name in meant.items():
        if key != name:
            yield f"{key}: not a key of this section; did you mean {name}?"
    return {meant[key]: value for key, value in section.items()}


def _class(section: Section, package: str, name: str) -> Generator[str, None, Any]:
    """Yield why a class cannot be had; return the class, or ``None``."""
    missing = [key for key in (package, name) if not section.get(key)]
    yield from (f"{key}: missing" for key in missing)
    if missing:
        return None
    key = package
    try:
        module = find_module(str(section[package]))
        key = name
        return find_class(module, str(section[name]))
    except ConfigError as error:
        yield f"{key} = {error}"
    return None


def _folders(section: Section) -> Iterator[str]:
    for key in FOLDERS:
        folder = section.get(key)
        if isinstance(folder, str) and folder and not os.path.exists(folder):
            yield f"{key} = {folder}: no such folder ({os.path.abspath(folder)})"


def _compression(options: Options, section: Section) -> Iterator[str]:
    keys = ("compression_package", "compression_class")
    lacking = [
        key
        for key in keys
        if not section.get(key)
        and key in options.known
        and not options.known[key].default
    ]
    if section.get("compress") and lacking:
        yield f"compress = {shown(section['compress'])}: needs {' and '.join(lacking)}"
    elif all(section.get(key) for key in keys):
        yield from _class(section, *keys)


def _options(owner: Any, options: Options, section: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the options that ``owner``, a class or section, is given."""
    meant, names = set(), ", ".join(options.known) or "none"
    for key, value in section.items():
        if key in options.known:
            expected = misfit(options.known[key], value)
            if expected:
                yield f"{key} = {shown(value)}: expected {expected} ({owner})"
        elif options.closed and key not in options.words:
            near = nearest(key, options.known.keys() - section.keys())
            meant.add(near)
            hint = f"did you mean {near}?" if near else f"it takes {names}"
            yield f"{key}: not an option of {owner}; {hint}"
    for key, option in options.known.items():
        if option.default is Parameter.empty and key not in {*section, *meant}:
            yield f"{key}: required by {owner}"
