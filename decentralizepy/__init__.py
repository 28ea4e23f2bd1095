"""Learning on networks of nodes: decentralized, federated, parameter server.

>>> import decentralizepy as dp
>>> run = dp.run("config.ini", iterations=20)  # doctest: +SKIP
>>> run.spread("test_acc")  # doctest: +SKIP
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from decentralizepy.errors import ConfigError, NodeFailed
    from decentralizepy.library.calls import run, sweep
    from decentralizepy.library.loaded import Run, load

__all__ = ["ConfigError", "NodeFailed", "Run", "load", "run", "sweep"]


def __getattr__(name: str) -> Any:
    # imported late: torch and pandas take seconds
    if name in ("ConfigError", "NodeFailed"):
        from decentralizepy import errors

        return getattr(errors, name)
    if name in ("run", "sweep"):
        from decentralizepy.library import calls

        return getattr(calls, name)
    if name in ("Run", "load"):
        from decentralizepy.library import loaded

        return getattr(loaded, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
