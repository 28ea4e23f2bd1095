"""The classes that an INI file names, with options that they take: resolved once."""

import inspect
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import Parameter
from typing import Any

from decentralizepy import factory
from decentralizepy.config import text
from decentralizepy.config.ini import Section
from decentralizepy.config.signatures import Options
from decentralizepy.config.text import KINDS
from decentralizepy.config.values import option_problems
from decentralizepy.errors import ConfigError, Problem, located, nearest, one_line
from decentralizepy.factory import Part


@dataclass(frozen=True)
class Parts:
    """What the sections of an INI file name.

    Attributes
    ----------
    sections : dict of str to Part
        By section, each class and its options; only of sections that are there.
    model_class : class
    node_class, service_class : class or None
        Of section NODE; None if it names none.
    """

    sections: Mapping[str, Part]
    model_class: Any
    node_class: Any = None
    service_class: Any = None

    def __getitem__(self, section: str) -> Part:
        return self.sections[section]


def check(
    config: Mapping[str, Section],
    path: str | os.PathLike[str],
    nodes: Iterable[Any] = (),
) -> Parts:
    """Return what an INI file names, or raise one ConfigError for all that is wrong.

    What its text alone shows is said before any class is imported. The classes are
    tried with their options, once: their ``prepare`` is called.

    Parameters
    ----------
    config
        What :func:`decentralizepy.config.ini.read` returned.
    path
        The file, as its user wrote it.
    nodes
        The classes of nodes and services that a driver runs, whatever the file says.
    """
    check_text(config, path, nodes)
    return resolve(config, path)


def check_text(
    config: Mapping[str, Section],
    path: str | os.PathLike[str],
    nodes: Iterable[Any] = (),
) -> None:
    """Raise a ConfigError for what is wrong with the text; arguments of :func:`check`.

    What nobody here reads may be for classes of a user's own: it is warned of, once.
    """
    _raise(text.problems(config, nodes), path)
    if unread := text.unread(config):
        what = f"{', '.join(unread)}: read by nothing in this package"
        print(f"warning: {path}: {what}; your own classes get it", file=sys.stderr)


def resolve(config: Mapping[str, Section], path: str | os.PathLike[str]) -> Parts:
    """Return what a file whose text is right names; arguments of :func:`check`.

    Raises
    ------
    ConfigError
        With a line for each thing that is wrong with the classes and their options.
    """
    found: list[Problem] = []
    sections: dict[str, Part] = {}
    named: dict[str, Any] = {}
    for name, section in config.items():
        with _collected(found, section=name):
            if name in KINDS:
                sections[name] = _part(name, section)
        with _collected(found, section=name):
            named |= _named(name, section)
    _raise(found, path)
    for name, part in sections.items():
        _warn_of_unknown(part, name, path)
    return Parts(sections, **named)


@contextmanager
def _collected(found: list[Problem], **place: Any) -> Iterator[None]:
    """Add what goes wrong inside to ``found``, unless it is there already."""
    try:
        yield
    except ConfigError as error:
        error.locate(**place)
        found += [problem for problem in error.problems if problem not in found]


def _raise(found: Iterable[Problem], path: str | os.PathLike[str]) -> None:
    if problems := [problem.within(file=str(path)) for problem in found]:
        raise ConfigError(problems=problems)


def _part(name: str, section: Section) -> Part:
    """Return what a section names, tried with its options."""
    prefix, arguments = KINDS[name]
    key = f"{prefix}_class"
    part = factory.unpack(section, prefix)
    passed = len(arguments.split())
    options = Options.of(part.cls, passed)
    if options.room < passed:
        cause = f"does not take the arguments {arguments}"
        raise ConfigError(cause, key=key, value=section[key])
    found = list(option_problems(section[key], options, part.options))
    if prefix == "sharing":
        found = [*_compression(options, section), *found]
    if found:
        raise ConfigError(problems=found)
    with located(key=key, value=section[key]):
        _try(prefix, part)
    return part


def _named(name: str, section: Section) -> dict[str, Any]:
    """Return what a section names beside its class, by the name of its field."""
    if name == "DATASET":
        key = "model_class"
        return {key: factory.load_named(section, "dataset_package", key)}
    if name == "NODE":
        return {
            f"{field}_class": factory.load_class(section, prefix)
            for field, prefix in (("node", "node"), ("service", "server"))
            if section.get(f"{prefix}_class")
        }
    if name == "TRAIN_PARAMS":
        _make_loss(section)
    return {}


def _compression(options: Options, section: Section) -> Iterator[Problem]:
    """Yield what is wrong with the compressor of a sharing, which may not need one."""
    keys = ("compression_package", "compression_class")
    lacking = [
        key
        for key in keys
        if not section.get(key)
        and key in options.known
        and not options.known[key].default
    ]
    if section.get("compress") and lacking:
        cause = f"needs {' and '.join(lacking)}"
        yield Problem(cause, key="compress", value=section["compress"])
    elif all(section.get(key) for key in keys):
        found: list[Problem] = []
        with _collected(found):
            factory.load_class(section, "compression")
        yield from found


def _try(prefix: str, part: Part) -> None:
    """Have a class refuse options of the right types, where that needs no node."""
    if prefix == "optimizer" and part.cls.__module__.startswith("torch."):
        _try_optimizer(part)
    elif prefix in ("sharing", "training") and isinstance(
        inspect.getattr_static(part.cls, "prepare", None), classmethod
    ):  # a method of that name in a user's class is another thing
        part.cls.prepare(**part.options)


def _try_optimizer(part: Part) -> None:
    """Make an optimizer; one of a user's own may ask more of its parameters."""
    import torch

    try:
        part.build([torch.nn.Parameter(torch.zeros(1, 1))])
    except (ValueError, TypeError, RuntimeError) as error:
        raise ConfigError(one_line(error)) from error


def _make_loss(section: Section) -> None:
    """Make the loss, which takes no options."""
    if section.get("loss_class"):
        loss = factory.load_named(section, "loss_package", "loss_class")
        known = Options.of(loss).known
        required = [name for name in known if known[name].default is Parameter.empty]
        if required:
            cause = f"cannot be made without {' and '.join(required)}"
            raise ConfigError(cause, key="loss_class", value=section["loss_class"])
    factory.load_loss(section)


def _warn_of_unknown(part: Part, section: str, path: str | os.PathLike[str]) -> None:
    """Say which options a class with ``**kwargs`` of a user's own does not name."""
    options = Options.of(part.cls, len(KINDS[section].arguments.split()))
    for key in () if options.closed else part.options.keys() - options.known.keys():
        problem = Problem(
            f"not an option that {part.cls.__name__} names; it is passed on",
            file=str(path),
            section=section,
            key=key,
            suggestion=nearest(key, options.known.keys() - part.options.keys()) or "",
        )
        print(f"warning: {problem}", file=sys.stderr)
