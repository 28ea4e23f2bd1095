"""Whether classes take the values that an INI file has for them, tried before a run."""

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

from decentralizepy.errors import ConfigError
from decentralizepy.factory import load_loss, unpack


def is_ours(target: Any) -> bool:
    """Tell a class of this package, whose demands are known, from one of a user's own."""
    module = str(getattr(target, "__module__", ""))
    return isinstance(target, type) and module.startswith("decentralizepy.")


def trial(prefix: str, target: Any, section: Mapping[str, Any]) -> Iterator[str]:
    """Yield why a class refuses the options of its section, which have the right types.

    Parameters
    ----------
    prefix
        That of the section's keys: only ``optimizer``, ``training`` and ``sharing`` can
        be tried without nodes.
    target
        The class.
    section
        With the keys that name classes.
    """
    if prefix not in ("optimizer", "training", "sharing"):
        return
    _, options = unpack(section, prefix)
    if prefix == "optimizer":
        yield from _optimizer(target, options)
    else:
        yield from _prepared(target, options)
    if prefix == "training":
        yield from _loss(section)


def _optimizer(target: Any, options: Mapping[str, Any]) -> Iterator[str]:
    import torch

    if not target.__module__.startswith("torch."):
        return  # it may ask more of its parameters than this one has
    try:
        target([torch.nn.Parameter(torch.zeros(1, 1))], **options)
    except (ValueError, TypeError, RuntimeError) as error:
        yield f"optimizer_class = {target.__name__}: {_line(error)}"


def _prepared(target: Any, options: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(inspect.getattr_static(target, "prepare", None), classmethod):
        return
    try:
        target.prepare(**options)
    except ConfigError as error:
        yield re.sub(r"^\[\w+\] ", "", str(error))  # the checks name the section


def _loss(section: Mapping[str, Any]) -> Iterator[str]:
    try:
        load_loss(section)
    except ConfigError:
        return  # told already
    except Exception as error:
        yield f"loss_class = {section['loss_class']}: cannot be made: {_line(error)}"


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
