"""Runs all nodes of a network in this process, in turn, for debuggers and profilers."""

import bdb
import logging
import pdb
from collections.abc import Callable, Collection

from decentralizepy.engines.bridge import Bridge
from decentralizepy.engines.failure import Failed, judge
from decentralizepy.engines.turns import Inbox, Turns
from decentralizepy.errors import NodeFailed
from decentralizepy.node.process import OwnLog, log_to, take_turn
from decentralizepy.run.signals import Stopped
from decentralizepy.run.spec import NodeSpec


def post_mortem(error: BaseException) -> None:
    """Open the debugger where ``error`` was raised."""
    pdb.post_mortem(error.__traceback__)


class DebugNodes:
    """One greenlet for each of ``specs``; they run only inside of ``wait``.

    A context manager with the methods of
    :class:`~decentralizepy.engines.process.LocalNodes`. Messages stay in memory, encoded
    as for the network, so that the results and weights are the same.

    Parameters
    ----------
    specs : list of NodeSpec
    go_on : callable, optional
        Tells of a node that has failed whether the others may finish without it; by
        default they may not.
    inspect : callable, optional
        Called with the error of a node's code, as ``pdb.post_mortem`` is.
    bridge : Bridge, optional
        To the nodes in other processes.
    """

    def __init__(
        self,
        specs: list[NodeSpec],
        go_on: Callable[[NodeSpec], bool] | None = None,
        inspect: Callable[[BaseException], None] | None = None,
        bridge: Bridge | None = None,
    ) -> None:
        self.specs, self.go_on, self.inspect = specs, go_on, inspect
        self.alive = len(specs)
        self._bridge = bridge
        self._turns = bridge.turns if bridge else Turns()
        self._failed: list[Failed] = []
        self._log = OwnLog(logging.getLogger().handlers)

    def start(self) -> None:
        """Give each node its place in the order of turns."""
        logging.getLogger().handlers = [self._log]
        here = {spec.uid: Inbox(self._turns) for spec in self.specs}
        transport = {
            "comm_package": "decentralizepy.communication.InProcess",
            "comm_class": "InProcess",
            "exchange": self._bridge.inboxes if self._bridge else here,
            "lost": self._turns.lost,
        }
        for spec in self.specs:
            self._turns.add(self._body(spec.over(transport)))

    def wait(self, timeout: float) -> bool:
        """Run the nodes for about ``timeout`` seconds; return whether all have ended.

        Raises
        ------
        NodeFailed
            If a node ended with an error, unless the others are to continue.
        """
        ended = self._turns.run(timeout)
        if not self._may_go_on() and (failure := self.failure()):
            raise failure
        return ended

    def _may_go_on(self) -> bool:
        return self.go_on is not None and all(map(self.go_on, self.failed))

    @property
    def failed(self) -> list[NodeSpec]:
        """The nodes that have ended with a nonzero status."""
        return [each.spec for each in self._failed]

    def failure(self) -> NodeFailed | None:
        """Return an error for the node that failed first, not because of a peer."""
        if not self._failed:
            return None
        return min(self._failed, key=lambda each: each.status == 3).as_error()

    def places(self, uids: Collection[int]) -> str:
        """Return "": all nodes wait while the launcher looks."""
        return ""

    def stop(self) -> None:
        """End all nodes where they wait."""
        self._turns.stop()

    def __enter__(self) -> "DebugNodes":
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            self.stop()
        finally:
            logging.getLogger().handlers = self._log.others

    def _body(self, spec: NodeSpec) -> Callable[[], None]:
        def run() -> None:
            take_turn()
            handler = logging.FileHandler(spec.log, "w" if spec.fresh else "a")
            log_to(handler, logging.getLogger().level)
            try:
                spec.node_class(*spec.args, **spec.kwargs)
            except (Stopped, KeyboardInterrupt):  # not the node's
                raise
            except bdb.BdbQuit:
                raise NodeFailed(f"{spec}: stopped in the debugger") from None
            except (Exception, SystemExit) as error:
                self._note(spec, error)
            finally:
                self.alive -= 1
                handler.close()

        return run

    def _note(self, spec: NodeSpec, error: BaseException) -> None:
        failed = judge(error, spec)
        if not failed.status:
            return
        self._failed.append(failed)
        self._turns.lost.add(spec.uid)
        if self._bridge:
            self._bridge.tell_lost(spec.uid)
        if failed.is_bug and self.inspect:
            self.inspect(error)
