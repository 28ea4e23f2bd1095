"""Keyword arguments as flags and settings, as a command line would give them."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from decentralizepy.config import flags, ini
from decentralizepy.config.text import SECTIONS
from decentralizepy.errors import ConfigError, did_you_mean, shown

OURS = ("config_file", "set")


def chosen(path: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the flags that keyword arguments stand for, by long name.

    Parameters
    ----------
    path
        The INI file.
    given
        A dict is a section, by its name in lower case; anything else is a flag, by its
        long name. None stands for a flag that is not given.

    Returns
    -------
    dict
        What :func:`decentralizepy.utils.given` would return for a command line, with each
        key of a section as ``--set``.

    Raises
    ------
    ConfigError
        For a name that is neither, with the nearest one, and for invalid flags.
    """
    sections = {*SECTIONS, *ini.read(path)}
    _check_names(given, [each.lower() for each in sections])
    settings = [
        text
        for section in sections
        if isinstance(keys := given.get(section.lower()), Mapping)
        for text in assignments(section, keys)
    ]
    written = {
        name: _words(value)
        for name, value in given.items()
        if not isinstance(value, Mapping) and value is not None
    }
    if problems := [*flags.run_problems(written)]:
        raise ConfigError(problems=problems)
    return {"config_file": path, "set": settings, **flags.run_values(written)}


def assignments(section: str, keys: Mapping[str, Any]) -> Iterator[str]:
    """Yield ``SECTION.key=value`` for each key; a class also sets its package.

    A class is given by name, or as an object: ``{"sharing_class": Half}``.
    """
    for key, value in keys.items():
        if isinstance(value, type):
            package = f"{key.removesuffix('_class')}_package"
            yield f"{section}.{package}={value.__module__}"
            value = value.__qualname__
        yield f"{section}.{key}={written(value)}"


def written(value: Any) -> str:
    """Return a value as in an INI file."""
    return shown(value) if value is None or isinstance(value, bool) else str(value)


def _check_names(given: Mapping[str, Any], sections: Sequence[str]) -> None:
    known = [name for name in flags.defaults() if name not in OURS]
    for name, value in given.items():
        if name in sections and not isinstance(value, Mapping):
            cause = f"expected a dict of the keys of [{name.upper()}]"
            raise ConfigError(cause, key=name, value=value)
        if name in known and isinstance(value, Mapping):
            raise ConfigError("a flag, not a section", key=name, value=value)
        if name not in sections and name not in known:
            hint = did_you_mean(name, [*sections, *known])
            raise ConfigError(f"{name}: no such section or flag{hint}")


def _words(value: Any) -> Any:
    """Return the value of a flag as section RUN has it."""
    if isinstance(value, (list, tuple)):
        return " ".join(map(str, value))
    return os.fspath(value) if isinstance(value, Path) else value
