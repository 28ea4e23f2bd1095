"""Changes that ``--set SECTION.key=value`` makes to the sections of an INI file."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import NamedTuple

from decentralizepy.config.ini import Section, Value, value_of
from decentralizepy.config.text import SECTIONS
from decentralizepy.errors import ConfigError, nearest

_ROOT = Path(__file__).resolve().parents[1]
# the folder of a class of this package, by the prefix of the keys that name it
FOLDERS = MappingProxyType(
    {
        "attack": "attacks",
        "comm": "communication",
        "compression": "compression",
        "dataset": "datasets",
        "graph": "graphs",
        "mapping": "mappings",
        "node": "node",
        "server": "node",
        "sharing": "sharing",
        "tracking": "tracking",
        "training": "training",
    }
)


class Assignment(NamedTuple):
    """One ``SECTION.key=value``; ``text`` is the value as written."""

    section: str
    key: str
    text: str

    def __str__(self) -> str:
        return f"{self.section}.{self.key}={self.text}"

    @property
    def value(self) -> Value:
        """The typed value."""
        return value_of(self.key, self.text)


def parsed(text: str) -> Assignment:
    """Return an assignment, or raise a ConfigError if it does not have this form."""
    place, equals, value = text.partition("=")
    section, dot, key = place.strip().partition(".")
    if not (equals and dot and section and key):
        raise ConfigError(f"--set {text}: expected SECTION.key=value")
    return Assignment(section, key.strip().lower(), value.strip())


def override(config: dict[str, Section], assignments: Iterable[str]) -> None:
    """Set ``SECTION.key=value`` in ``config``, as ``--set`` gives them.

    Setting ``<prefix>_class`` to a class of this package also sets ``<prefix>_package``.

    Raises
    ------
    ConfigError
        If an assignment does not have this form, or misspells a section.
    """
    assignments = [*assignments]
    for each in map(parsed, assignments):
        near = nearest(each.section, SECTIONS)
        if near and each.section not in {*SECTIONS, *config}:
            raise ConfigError(
                "is unknown",
                file="--set",
                section=each.section,
                suggestion=f"[{near}]",
            )
    for each in completed(config, [parsed(text) for text in assignments]):
        config.setdefault(each.section, {})[each.key] = each.value


def completed(
    config: Mapping[str, Section], assignments: Iterable[Assignment]
) -> list[Assignment]:
    """Return the assignments, and those of the packages that their classes need."""
    found = [*assignments]
    given = {(each.section, each.key) for each in found}
    for each in [*found]:
        prefix, _, last = each.key.rpartition("_")
        key = f"{prefix}_package"
        if last == "class" and prefix in FOLDERS and (each.section, key) not in given:
            section = config.get(each.section, {})
            if package := _package(prefix, each.text, section):
                found.append(Assignment(each.section, key, package))
    return found


@contextmanager
def blamed(assignments: Iterable[str]) -> Iterator[None]:
    """Say of a mistake in an assignment that it is in ``--set``, not in the INI file."""
    given = {parsed(text)[:2] for text in assignments}
    try:
        yield
    except ConfigError as error:
        problems = [
            replace(each, file="--set") if (each.section, each.key) in given else each
            for each in error.problems
        ]
        if problems == [*error.problems]:
            raise
        raise type(error)(problems=problems) from error


def _package(prefix: str, name: str, section: Section) -> str:
    """Return the module of a class of this package; "" if the section's is kept.

    A user's package is kept, and so is a module that has several classes.
    """
    current = str(section.get(f"{prefix}_package") or "")
    if current and not current.startswith("decentralizepy."):
        return ""
    paths = sorted((_ROOT / FOLDERS[prefix]).rglob("[!_]*.py"))
    modules = {path.stem: path for path in paths}
    if name not in modules and current.endswith(f".{section.get(f'{prefix}_class')}"):
        name = nearest(name, modules, cutoff=0.8) or ""  # to be corrected there
    if name not in modules:
        return ""
    path = PurePosixPath(modules[name].relative_to(_ROOT.parent))
    return ".".join(path.with_suffix("").parts)
