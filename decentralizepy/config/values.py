"""Checks whether the values of an INI file fit their options."""

import functools
import operator
import re
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from inspect import Parameter
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from decentralizepy.config.numbers import evaluate
from decentralizepy.config.signatures import Options
from decentralizepy.errors import Problem, nearest

_SCALARS = {str, int, float, bool}
_CLASS = "is_instance_of"
# texts for pydantic's error types; empty for those that are not informative
_TEXTS = {
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "callable_type": "a function, which no INI file can hold",
    "none_required": "",
    _CLASS: "",
}


def misfit(option: Parameter, value: Any) -> str | None:
    """Return what was expected instead of ``value``, or ``None`` if it fits.

    A bool is not a number, and of numbers only 0 and 1 are accepted as bools. An integer
    is accepted as a float, an empty value if the default is ``""`` or ``None``, ``none``
    if the default is ``None``, and text as a path.

    Parameters
    ----------
    option
        A parameter of the constructor; its annotation is a type, not a string.
    value
        As converted by :func:`decentralizepy.config.ini.typed`.
    """
    if value == "" and (option.default is None or _is_empty(option.default)):
        return None
    if value is None and option.default is None:
        return None
    try:
        _adapter(option).validate_python(value)
    except ValidationError as error:
        return _expected(value, error.errors())
    except Exception:  # a type that pydantic cannot check
        return None
    return None


def fitted(option: Parameter, value: Any) -> Any:
    """Return ``value``, as numbers if it denotes some and the option needs them.

    Thus ``(0.9, 0.99)`` is a tuple for an optimizer, but text for an option of type str.
    ``none`` is text where it is one of the choices.
    """
    if value is None and "none" in typing.get_args(option.annotation):
        return "none"
    if not isinstance(value, str):
        return value
    try:
        read = evaluate(value)
    except ValueError:
        return value
    if not isinstance(read, list | tuple):
        return read if misfit(option, value) and not misfit(option, read) else value
    if isinstance(option.default, list | tuple):
        return type(option.default)(read)
    fitting = (
        each for each in (read, tuple(read), [*read]) if not misfit(option, each)
    )
    return next(fitting, value) if misfit(option, value) else value


def option_problems(
    owner: Any, options: Options, section: Mapping[str, Any]
) -> Iterator[Problem]:
    """Yield the problems of the options given to ``owner``, a class or section."""
    meant = set()
    for key, value in section.items():
        if key in options.known:
            expected = misfit(options.known[key], value)
            if expected:
                yield Problem(key=key, value=value, expected=f"{expected} ({owner})")
        elif options.closed:
            near = nearest(key, options.known.keys() - section.keys()) or ""
            meant.add(near)
            known = "" if near else f"; it takes {', '.join(options.known) or 'none'}"
            yield Problem(f"not an option of {owner}{known}", key=key, suggestion=near)
    for key, option in options.known.items():
        if option.default is Parameter.empty and key not in {*section, *meant}:
            yield Problem(f"required by {owner}", key=key)


def _is_empty(default: Any) -> bool:
    return isinstance(default, str) and not default  # an array would not compare


def _adapter(option: Parameter) -> TypeAdapter[Any]:
    config = ConfigDict(strict=True, arbitrary_types_allowed=True)
    return TypeAdapter(_listed(_without_empty(option)), config=config)


def _listed(kind: Any) -> Any:
    """Return a type such that text, which is iterable, too, is not what it stands for."""
    if typing.get_origin(kind) is not Iterable:
        return kind
    (inner,) = typing.get_args(kind)
    return list[inner]  # type: ignore[valid-type]


def _without_empty(option: Parameter) -> Any:
    """Return the type without ``str`` if that is only for ``""``: ``int | str = ""``."""
    types = typing.get_args(option.annotation)
    plain = [getattr(each, "__origin__", each) for each in types]
    if not _is_empty(option.default) or not {str} < set(plain) <= _SCALARS:
        return option.annotation
    return functools.reduce(operator.or_, (each for each in types if each is not str))


def _expected(value: Any, details: Sequence[Any]) -> str | None:
    kinds = {each["type"] for each in details}
    if "bool_type" in kinds and type(value) is int and value in (0, 1):
        return None
    classes = [each["ctx"]["class"] for each in details if each["type"] == _CLASS]
    if isinstance(value, str) and {"Path", "PathLike"}.intersection(classes):
        return None
    texts = [text for text in map(_text, details) if text]
    objects = [f"a {name}, which no INI file can hold" for name in classes]
    return " or ".join(dict.fromkeys(texts or objects or ["none"]))


def _text(detail: Any) -> str:
    kind, message = detail["type"], str(detail["msg"])
    if kind == "literal_error":
        return " or ".join(filter(None, re.findall(r"'([^']*)'", message)))
    text = _TEXTS.get(kind, message.removeprefix("Input should be "))
    return f"a number {text}" if kind.startswith(("greater", "less")) else text
