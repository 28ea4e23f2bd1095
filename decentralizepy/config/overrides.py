"""Detects overridden methods: those that are never called, and those of a base class."""

from collections.abc import Iterator
from typing import Any

from decentralizepy.config.signatures import is_ours
from decentralizepy.errors import ConfigError, Problem


def check_overrides(kind: Any) -> None:
    """Raise a ConfigError if a user's class overrides a method that is never called.

    A class of this package lists in ``replaced`` the methods that DecentralizePy calls
    but this package does not, each with the method to override instead. Its ``callers``
    are the methods that call them in DecentralizePy: a class that overrides one of these
    may call them itself.
    """
    found = dict(_in_vain(kind)) if isinstance(kind, type) else {}
    if found:
        raise ConfigError(
            problems=[
                Problem(
                    f"overrides {name}, which nothing calls here; override {instead} "
                    "instead",
                    value=kind.__name__,
                )
                for name, instead in found.items()
            ]
        )


def _in_vain(kind: type) -> Iterator[tuple[str, str]]:
    foreign = [vars(each) for each in kind.__mro__ if not is_ours(each)]
    overridden = {name for each in foreign for name in each}
    for parent in filter(is_ours, kind.__mro__):
        if overridden.isdisjoint(getattr(parent, "callers", ())):
            replaced = vars(parent).get("replaced", {}).items()
            yield from (each for each in replaced if each[0] in overridden)


def own_method(kind: type, base: type) -> str:
    """Return the first attribute of ``base`` that a subclass replaces; "" if none."""
    below = kind.__mro__[: kind.__mro__.index(base)]
    known = {name for name in dir(base) if not name.startswith("__")}
    known |= {"__init__", "__new__", "__call__"}
    return next((name for cls in below for name in vars(cls) if name in known), "")
