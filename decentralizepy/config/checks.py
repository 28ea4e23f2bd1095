"""Resolves the classes that an INI file names, and checks their options."""

import inspect
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
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
    """The classes that the sections of an INI file name.

    Attributes
    ----------
    sections : dict of str to Part
        Each class and its options, by section; absent sections are left out.
    model_class : class
    node_class, service_class : class or None
        From section NODE; None if it names none.
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
    """Return the classes that an INI file names, or raise a ConfigError.

    The error lists all problems. The text is checked before any class is imported. Then
    ``prepare`` of each class is called once with its options.

    Parameters
    ----------
    config
        The result of :func:`decentralizepy.config.ini.read`.
    path
        The file, as the user wrote it.
    nodes
        The node and service classes that a driver runs, regardless of the file.
    """
    check_text(config, path, nodes)
    return resolve(config, path)


def check_text(
    config: Mapping[str, Section],
    path: str | os.PathLike[str],
    nodes: Iterable[Any] = (),
) -> None:
    """Raise a ConfigError for all problems in the text; arguments as for :func:`check`.

    Sections and keys that this package does not read only cause a warning, since a user's
    classes may read them.
    """
    _raise(text.problems(config, nodes), path)
    if unread := text.unread(config):
        what = f"{', '.join(unread)}: read by nothing in this package"
        print(f"warning: {path}: {what}; your own classes get it", file=sys.stderr)


def resolve(config: Mapping[str, Section], path: str | os.PathLike[str]) -> Parts:
    """Return the classes that a file names, once its text is valid.

    Arguments as for :func:`check`.

    Raises
    ------
    ConfigError
        With one line for each problem of the classes and their options.
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
    found += _unscheduled(sections)
    _raise(found, path)
    for name, part in sections.items():
        _warn_of_unknown(part, name, path)
    return Parts(sections, **named)


@contextmanager
def _collected(found: list[Problem], **place: Any) -> Iterator[None]:
    """Add the problems of a ConfigError raised inside to ``found``, if they are new."""
    try:
        yield
    except ConfigError as error:
        error.locate(**place)
        found += [problem for problem in error.problems if problem not in found]


def _raise(found: Iterable[Problem], path: str | os.PathLike[str]) -> None:
    if problems := [problem.within(file=str(path)) for problem in found]:
        raise ConfigError(problems=problems)


def _unscheduled(sections: Mapping[str, Part]) -> Iterator[Problem]:
    """Yield a problem if a user's class of training cannot be given a scheduler."""
    trainer = sections.get("TRAIN_PARAMS") if "LR_SCHEDULER" in sections else None
    if trainer and not hasattr(trainer.cls, "schedule_rates"):
        cause = f"{trainer.cls.__name__} has no method schedule_rates"
        yield Problem(cause, section="LR_SCHEDULER", key="scheduler_class")


def _part(name: str, section: Section) -> Part:
    """Return the class that a section names and its options, after checking both."""
    prefix, arguments = KINDS[name]
    key = f"{prefix}_class"
    part = factory.unpack(section, prefix)
    passed = len(arguments.split())
    options = Options.of(part.cls, passed)
    if options.room < passed:
        cause = f"does not take the arguments {arguments}"
        raise ConfigError(cause, key=key, value=section[key])
    found = list(option_problems(section[key], options, part.options))
    if "decay_norm_and_bias" in section and not _may_take(options, "weight_decay"):
        cause = f"{section[key]} has no weight_decay"
        found.append(Problem(cause, key="decay_norm_and_bias"))
    if prefix == "sharing":
        found = [*_compression(options, section), *found]
    if found:
        raise ConfigError(problems=found)
    with located(key=key, value=section[key]):
        _try(prefix, part)
    return part


def _may_take(options: Options, name: str) -> bool:
    return name in options.known or not options.closed


def _named(name: str, section: Section) -> dict[str, Any]:
    """Return what else a section names, by field of :class:`Parts`."""
    if name == "DATASET":
        return {"model_class": factory.load_model(section)}
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
    """Yield the problems of a sharing class's compressor, which is optional."""
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
    """Let a class reject invalid options of the right types, if it can without a node."""
    if prefix == "optimizer" and part.cls.__module__.startswith("torch."):
        _try_optimizer(part)
    elif prefix in ("sharing", "training") and isinstance(
        inspect.getattr_static(part.cls, "prepare", None), classmethod
    ):  # a user's class may have an unrelated method of that name
        part.cls.prepare(**part.options)


def _try_optimizer(part: Part) -> None:
    """Build one of torch's optimizers with a dummy parameter."""
    import torch

    try:
        part.build([torch.nn.Parameter(torch.zeros(1, 1))])
    except (ValueError, TypeError, RuntimeError) as error:
        raise ConfigError(one_line(error)) from error


def _make_loss(section: Section) -> None:
    """Build the loss, after checking its options."""
    options = factory.loss_options(section)
    if section.get("loss_class"):
        _check_loss(section, options)
    elif options:
        key = f"{factory.LOSS}{next(iter(options))}"
        raise ConfigError("the function loss takes no options", key=key)
    factory.load_loss(section)


def _check_loss(section: Section, given: Mapping[str, Any]) -> None:
    loss = factory.load_named(section, "loss_package", "loss_class")
    options, given = Options.of(loss), factory.options_of(loss, given)
    known = options.known
    needed = [name for name in known if known[name].default is Parameter.empty]
    if lacking := [name for name in needed if name not in given]:
        cause = f"cannot be made without {' and '.join(lacking)}"
        raise ConfigError(cause, key="loss_class", value=section["loss_class"])
    found = list(option_problems(section["loss_class"], options, given))
    if found:
        raise ConfigError(problems=[_of_loss(problem) for problem in found])


def _of_loss(problem: Problem) -> Problem:
    """Return a problem with an option of the loss, as it is written in the section."""
    near = problem.suggestion
    suggestion = near and f"{factory.LOSS}{near}"
    return replace(problem, key=f"{factory.LOSS}{problem.key}", suggestion=suggestion)


def _warn_of_unknown(part: Part, section: str, path: str | os.PathLike[str]) -> None:
    """Warn about options that a user's class with ``**kwargs`` does not name."""
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
