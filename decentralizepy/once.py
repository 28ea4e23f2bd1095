"""Results that are the same for all nodes of a process, and are computed only once."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")

KEPT = 16  # results, the last ones used: more than those of one run
_results: OrderedDict[Hashable, tuple[Any, Any]] = OrderedDict()


def once(thing: object, key: Hashable, compute: Callable[[], T]) -> T:
    """Return what ``compute`` returned for the same object and an equal key.

    Parameters
    ----------
    thing : object
        What the result is computed from, compared by identity; it must not change.
    key : hashable
        What else the result depends on, such as options; also names the result.
    compute : callable
        Called without arguments if the result is not known.
    """
    place = id(thing), key
    if place not in _results:
        result = compute()
        _results[place] = thing, result  # the object lives on, so its id is not reused
        while len(_results) > KEPT:
            _results.popitem(last=False)
        return result
    _results.move_to_end(place)
    known: T = _results[place][1]
    return known
