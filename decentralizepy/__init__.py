"""Learning on networks of nodes: decentralized, federated, parameter server.

>>> import decentralizepy as dp
>>> run = dp.run("config.ini", iterations=20)  # doctest: +SKIP
>>> run.spread("test_acc")  # doctest: +SKIP
"""

from types import ModuleType
from typing import TYPE_CHECKING, Any

from decentralizepy import run as _run, sweep as _sweep

if TYPE_CHECKING:
    from decentralizepy.errors import ConfigError, NodeFailed
    from decentralizepy.library.calls import run, sweep
    from decentralizepy.library.loaded import Run, load

__all__ = ["ConfigError", "NodeFailed", "Run", "load", "run", "sweep"]


class _Function(ModuleType):
    """A package that has the name of a function, and is called in its place."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from decentralizepy.library import calls

        return getattr(calls, self.__name__.rpartition(".")[2])(*args, **kwargs)


_run.__class__ = _sweep.__class__ = _Function


def __getattr__(name: str) -> Any:
    # imported late: torch and pandas take seconds
    if name in ("ConfigError", "NodeFailed"):
        from decentralizepy import errors

        return getattr(errors, name)
    if name in ("Run", "load"):
        from decentralizepy.library import loaded

        return getattr(loaded, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
