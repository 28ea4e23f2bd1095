"""What every engine has in common."""

from collections.abc import Callable, Collection
from typing import TypeVar

from decentralizepy.engines.failure import Failed
from decentralizepy.errors import NodeFailed, PeerError
from decentralizepy.runs.spec import NodeSpec

GoOn = Callable[[NodeSpec], bool] | None
Own = TypeVar("Own", bound="Engine")


class Engine:
    """The nodes of one machine, while they run.

    A context manager, which leaves no node running when it exits.

    Parameters
    ----------
    specs : list of NodeSpec
    go_on : callable, optional
        Tells of a node that has failed whether the others may finish without it; by
        default they may not.
    """

    def __init__(self, specs: list[NodeSpec], go_on: GoOn = None) -> None:
        self.specs, self.go_on = specs, go_on

    def start(self) -> None:
        """Start all nodes."""
        raise NotImplementedError

    def wait(self, timeout: float) -> bool:
        """Wait up to about ``timeout`` seconds; return whether all nodes have ended.

        Raises
        ------
        NodeFailed
            If a node ended with a nonzero status, unless the others are to continue.
        """
        raise NotImplementedError

    @property
    def alive(self) -> int:
        """The number of nodes that have not ended."""
        raise NotImplementedError

    def failures(self) -> list[Failed]:
        """Return what has ended with a nonzero status."""
        raise NotImplementedError

    def stop(self) -> None:
        """End all nodes."""
        raise NotImplementedError

    def places(self, uids: Collection[int]) -> str:
        """Return where in the code some of this machine's nodes are, as text.

        By default "", if they all wait while the launcher looks.
        """
        return ""

    @property
    def failed(self) -> list[NodeSpec]:
        """The nodes that have ended with a nonzero status."""
        return [each.spec for each in self.failures()]

    def failure(self) -> NodeFailed | None:
        """Return an error for the node that failed first, not because of a peer."""
        failed = self.failures()
        if not failed:
            return None
        first = min(failed, key=lambda each: each.status == PeerError.exit_status)
        return self.explained(first).as_error()

    def explained(self, failed: Failed) -> Failed:
        """Return a failure with what else is known of it."""
        return failed

    def may_go_on(self) -> bool:
        """Return whether the other nodes may finish without those that have failed."""
        return self.go_on is not None and all(map(self.go_on, self.failed))

    def __enter__(self: Own) -> Own:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()
