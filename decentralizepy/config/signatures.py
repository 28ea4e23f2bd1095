"""Inspects which options a constructor takes."""

import collections.abc
import functools
import inspect
import math
import typing
from collections.abc import Callable, Iterator, Mapping
from inspect import Parameter
from types import MappingProxyType, MethodType, SimpleNamespace
from typing import Any, NamedTuple

_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
_NAMED = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
# of a module that imports these for type checkers alone
_USUAL = {**vars(typing), **vars(collections.abc)}


class Options(NamedTuple):
    """The options that a constructor takes after the arguments that the framework passes.

    Attributes
    ----------
    known
        The options by name, including those of parents that ``**kwargs`` are passed to,
        except those listed in ``fixed_options``.
    closed
        Whether all other options are rejected. Classes of this package pass ``**kwargs``
        to their parent; what a user's class does with them is unknown.
    room
        Maximum number of positional arguments.
    """

    known: Mapping[str, Parameter]
    closed: bool
    room: float

    @classmethod
    def of(cls, target: Callable[..., Any], passed: int = 0) -> "Options":
        """Return the options of a class, or function, after ``passed`` arguments."""
        if isinstance(target, type):
            init: Any = target.__init__  # type: ignore[misc]
            return cls._kept(target, passed, init)
        return cls._of(target, passed)

    @classmethod
    @functools.lru_cache(maxsize=256)
    def _kept(cls, target: type, passed: int, init: Any) -> "Options":
        """Return the options of a class, found once for all nodes of a process."""
        return cls._of(target, passed)

    @classmethod
    def _of(cls, target: Callable[..., Any], passed: int) -> "Options":
        known: dict[str, Parameter] = {}
        constructors = _constructors(target)
        closed, fixed = True, set[str]()
        for constructor in constructors:
            for option in _options(constructor.call, passed):
                if option.name in fixed:
                    continue
                if not closed and option.default is Parameter.empty:
                    option = option.replace(default=None)  # the child may pass it
                known.setdefault(option.name, option)
            if not constructor.is_open:
                break
            closed = closed and constructor.is_ours
            fixed |= constructor.fixed
        return cls(MappingProxyType(known), closed, _room(constructors[0].call))


class _Constructor(NamedTuple):
    """A bound ``__init__`` or ``__new__``, and what its class declares about it."""

    call: Any
    is_ours: bool
    fixed: frozenset[str] = frozenset()

    @property
    def is_open(self) -> bool:
        """Whether it takes ``**kwargs``."""
        kinds = (each.kind for each in parameters(self.call).values())
        return Parameter.VAR_KEYWORD in kinds


def is_ours(target: Any) -> bool:
    """Return whether a class, or its import path, is this package's, not a user's."""
    if isinstance(target, str):
        return target.startswith("decentralizepy.")
    module = str(getattr(target, "__module__", ""))
    return isinstance(target, type) and module.startswith("decentralizepy.")


def parameters(target: Any) -> dict[str, Parameter]:
    """Return the parameters of a function, or of a class's constructor, by name.

    Pythons differ in what ``inspect.signature`` says of a class that inherits both
    ``__new__`` and ``__init__`` (3.10.13 and 3.11.2 take the former), so the
    constructor is looked up.
    """
    if isinstance(target, functools.partial):
        call = _constructors(target.func)[0].call
        target = functools.partial(call, *target.args, **target.keywords)
    elif isinstance(target, type):
        target = _constructors(target)[0].call
    try:
        return dict(inspect.signature(target).parameters)
    except (TypeError, ValueError):  # written in C: anything may fit
        kinds = {"args": Parameter.VAR_POSITIONAL, "kwargs": Parameter.VAR_KEYWORD}
        return {name: Parameter(name, kind) for name, kind in kinds.items()}


def _constructors(target: Any) -> list[_Constructor]:
    """Return a class's constructors, its own first, followed by its parents'."""
    if not isinstance(target, type):
        return [_Constructor(target, False)]
    for name in ("__init__", "__new__"):
        owners = [each for each in target.__mro__[:-1] if name in vars(each)]
        if owners:
            return [
                _Constructor(
                    _bound(vars(owner)[name], target),
                    is_ours(owner),
                    frozenset(vars(owner).get("fixed_options", ())),
                )
                for owner in owners
            ]
    return [_Constructor(target, is_ours(target))]


def _bound(function: Any, target: type) -> Any:
    plain = getattr(function, "__func__", function)  # __new__ is a staticmethod
    return MethodType(inspect.unwrap(plain), target) if callable(plain) else plain


def _room(call: Any) -> float:
    kinds = [each.kind for each in parameters(call).values()]
    places = sum(kind in _POSITIONAL for kind in kinds)
    return math.inf if Parameter.VAR_POSITIONAL in kinds else places


def _options(call: Any, passed: int) -> Iterator[Parameter]:
    found = list(parameters(call).values())
    taken = [each for each in found if each.kind in _POSITIONAL][:passed]
    for each in found:
        if each.kind in _NAMED and each not in taken:
            yield each.replace(annotation=_type(each.annotation, call))


def _type(annotation: Any, call: Any) -> Any:
    if annotation is Parameter.empty:
        return Any
    holder = SimpleNamespace(__annotations__={"option": annotation})
    names = {**_USUAL, **getattr(call, "__globals__", {})}
    try:
        return typing.get_type_hints(holder, names, include_extras=True)["option"]
    except Exception:  # a name that only type checkers import
        return Any


def evaluates(service_class: Any) -> bool:
    """Return whether a service is a parameter server, which has a model to test.

    A peer sampler has none. A user's class without the attribute ``evaluates`` is
    recognized by its arguments.
    """
    if service_class is None or getattr(service_class, "evaluates", False):
        return service_class is not None
    return "test_after" in parameters(service_class)
