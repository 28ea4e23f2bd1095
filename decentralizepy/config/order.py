"""Positional options, in the order of DecentralizePy's constructors."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

Init = TypeVar("Init", bound=Callable[..., None])


def in_order(passed: int, names: str) -> Callable[[Init], Init]:
    """Let a constructor with keyword options also take them by position.

    A class declares only its own options and passes the others to its parent, so its
    signature does not define an order of all options, which code written for
    DecentralizePy relies on.

    Parameters
    ----------
    passed : int
        Number of arguments before the options, which the framework passes.
    names : str
        The options in order, separated by spaces.

    Raises
    ------
    TypeError
        If the constructor is called with more positional arguments than that.
    """
    order = names.split()

    def decorate(init: Init) -> Init:
        @wraps(init)
        def by_position(self: Any, *parts: Any, **options: Any) -> None:
            extra = parts[passed:]
            if len(extra) > len(order):
                raise TypeError(
                    f"{type(self).__name__}() takes at most {passed + len(order)} "
                    f"positional arguments, but {len(parts)} were given"
                )
            named = dict(zip(order, extra, strict=False))
            init(self, *parts[:passed], **named, **options)

        return cast(Init, by_position)

    return decorate
