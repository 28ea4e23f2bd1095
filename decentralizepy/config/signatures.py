"""What a constructor takes as options."""

import dis
import inspect
import math
import typing
from collections.abc import Callable, Iterator
from inspect import Parameter
from types import MethodType, SimpleNamespace
from typing import Any, NamedTuple

_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
_NAMED = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)


class Options(NamedTuple):
    """What a constructor takes after the arguments that the framework passes.

    Attributes
    ----------
    known
        The options by name.
    closed
        Whether every other option is refused, but for ``words``.
    words
        The words in the code of constructors that hand their ``**kwargs`` on: they may
        take these out of them.
    room
        How many arguments fit by position.
    """

    known: dict[str, Parameter]
    closed: bool
    words: set[str]
    room: float

    @classmethod
    def of(cls, target: Callable[..., Any], passed: int = 0) -> "Options":
        """Return the options of a class, or function, after ``passed`` arguments.

        Where ``**kwargs`` go on to the parent's constructor, its options count too, but
        for those that the class lists in ``fixed_options``.
        """
        known: dict[str, Parameter] = {}
        words: set[str] = set()
        constructors = _constructors(target)
        room = _room(constructors[0][0])
        fixed: set[str] = set()
        for constructor, fixed_here in constructors:
            for option in _options(constructor, passed):
                if option.name in fixed:
                    continue
                if option.name in words and option.default is Parameter.empty:
                    option = option.replace(default=None)  # the child may pass it
                known.setdefault(option.name, option)
            if not _open(constructor):
                return cls(known, True, words - fixed, room)
            if not _passes_on(constructor):
                break
            words |= _words(constructor)
            fixed |= set(fixed_here)
        return cls(known, False, words - fixed, room)


def _constructors(target: Any) -> list[tuple[Any, tuple[str, ...]]]:
    """Return the constructors of a class, and what each fixes of its parent's options."""
    if not isinstance(target, type):
        return [(target, ())]
    bound: list[tuple[Any, tuple[str, ...]]] = []
    for owner in map(vars, target.__mro__[:-1]):
        if "__init__" in owner:
            constructor = MethodType(inspect.unwrap(owner["__init__"]), target)
            bound.append((constructor, owner.get("fixed_options", ())))
    return bound or [(target, ())]


def _parameters(constructor: Any) -> list[Parameter]:
    try:
        return list(inspect.signature(constructor).parameters.values())
    except (TypeError, ValueError):  # written in C: anything may fit
        kinds = {"args": Parameter.VAR_POSITIONAL, "kwargs": Parameter.VAR_KEYWORD}
        return [Parameter(name, kind) for name, kind in kinds.items()]


def _room(constructor: Any) -> float:
    kinds = [each.kind for each in _parameters(constructor)]
    places = sum(kind in _POSITIONAL for kind in kinds)
    return math.inf if Parameter.VAR_POSITIONAL in kinds else places


def _options(constructor: Any, passed: int) -> Iterator[Parameter]:
    parameters = _parameters(constructor)
    taken = [each for each in parameters if each.kind in _POSITIONAL][:passed]
    for each in parameters:
        if each.kind in _NAMED and each not in taken:
            yield each.replace(annotation=_type(each.annotation, constructor))


def _type(annotation: Any, constructor: Any) -> Any:
    if annotation is Parameter.empty:
        return Any
    holder = SimpleNamespace(__annotations__={"option": annotation})
    names = getattr(constructor, "__globals__", {})
    try:
        return typing.get_type_hints(holder, names, include_extras=True)["option"]
    except Exception:  # a name that only type checkers import
        return Any


def _open(constructor: Any) -> bool:
    kinds = [each.kind for each in _parameters(constructor)]
    return Parameter.VAR_KEYWORD in kinds


def _passes_on(constructor: Any) -> bool:
    code = getattr(constructor, "__code__", None)
    if code is None or "__init__" not in code.co_names:
        return False
    steps = dis.get_instructions(code)
    return any(step.opname == "DICT_MERGE" for step in steps)


def _words(constructor: Any) -> set[str]:
    constants = constructor.__code__.co_consts
    groups = (each if isinstance(each, tuple) else (each,) for each in constants)
    return {word for group in groups for word in group if isinstance(word, str)}
