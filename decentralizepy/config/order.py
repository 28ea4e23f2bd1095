"""Options by position, in the order in which DecentralizePy's constructors take them."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

Init = TypeVar("Init", bound=Callable[..., None])


def in_order(passed: int, names: str) -> Callable[[Init], Init]:
    """Let a constructor that takes its options by keyword take them by position, too.

    A class states only its own options and hands the others to its parent, so its
    signature has no order of all of them; callers written for the public system rely
    on one.

    Parameters
    ----------
    passed : int
        Number of arguments that come before the options: what the framework passes.
    names : str
        The options in their order, separated by spaces.

    Raises
    ------
    TypeError
        When the constructor is called with more arguments than there are names.
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
