"""Runs all nodes of a network in this process, in turn, for debuggers and profilers."""

import bdb
import logging
import pdb
from collections.abc import Callable
from contextlib import suppress

from decentralizepy.engines.batching import Batching
from decentralizepy.engines.bridge import Bridge
from decentralizepy.engines.engine import Engine, GoOn
from decentralizepy.engines.failure import Failed, judge
from decentralizepy.engines.turns import Inbox, Turns
from decentralizepy.errors import DecentralizepyError, NodeFailed
from decentralizepy.network.clock import VirtualClock
from decentralizepy.node.process import OwnLog, log_file, log_to, take_turn
from decentralizepy.results.lines import SharedLines, share
from decentralizepy.runs.signals import Stopped
from decentralizepy.runs.spec import NodeSpec


def post_mortem(error: BaseException) -> None:
    """Open the debugger where ``error`` was raised."""
    pdb.post_mortem(error.__traceback__)


class DebugNodes(Engine):
    """One greenlet for each of ``specs``; they run only inside of ``wait``.

    Messages stay in memory, encoded as for the network, so that the results and weights
    are the same.

    Parameters
    ----------
    specs, go_on
        As for :class:`~decentralizepy.engines.engine.Engine`.
    inspect : callable, optional
        Called with the error of a node's code, as ``pdb.post_mortem`` is.
    bridge : Bridge, optional
        To the nodes in other processes.
    batched : {"off", "on", "auto"}, default "off"
        Whether nodes work together where they can, so that results differ by rounding;
        with ``auto``, if that takes less time in the first rounds.
    clock : VirtualClock, optional
        Decides when messages arrive, if the nodes' order depends on it.
    """

    def __init__(
        self,
        specs: list[NodeSpec],
        go_on: GoOn = None,
        inspect: Callable[[BaseException], None] | None = None,
        bridge: Bridge | None = None,
        batched: str = "off",
        clock: VirtualClock | None = None,
    ) -> None:
        super().__init__(specs, go_on)
        self.inspect = inspect
        self._alive = len(specs)
        self._bridge = bridge
        self._turns = bridge.turns if bridge else Turns(clock)
        self._batching = None
        if batched != "off":
            self._batching = Batching(self._turns, batched == "auto")
        self._failures: list[Failed] = []
        self._log = OwnLog(logging.getLogger().handlers)
        self._results: SharedLines | None = None

    def start(self) -> None:
        """Give each node its place in the order of turns."""
        self._results = SharedLines(self.specs[0].log.parent)
        logging.getLogger().handlers = [self._log]
        if self._bridge:
            inboxes = self._bridge.inboxes
        else:
            inboxes = {spec.uid: Inbox(self._turns, spec.uid) for spec in self.specs}
        transport = {
            "comm_package": "decentralizepy.communication.InProcess",
            "comm_class": "InProcess",
            "exchange": inboxes,
            "lost": self._turns.lost,
        }
        for spec in self.specs:
            self._turns.add(self._body(spec.over(transport)))

    def wait(self, timeout: float) -> bool:
        """Run the nodes for about ``timeout`` seconds; return whether all have ended.

        Errors as in the base class.
        """
        try:
            ended = self._turns.run(timeout)
        finally:
            self._save()
        if not self.may_go_on() and (failure := self.failure()):
            raise failure
        return ended

    @property
    def alive(self) -> int:
        return self._alive

    def failures(self) -> list[Failed]:
        return self._failures

    def stop(self) -> None:
        """End all nodes where they wait."""
        self._turns.stop()

    def __exit__(self, *exception: object) -> None:
        try:
            super().__exit__(*exception)
        finally:
            logging.getLogger().handlers = self._log.others
            if self._results:
                self._close(self._results, any(exception))

    def _close(self, results: SharedLines, failed: bool) -> None:
        try:
            results.close()
        except DecentralizepyError as error:
            if not failed:
                raise
            logging.error("%s", error)  # another error ends the run

    def _save(self) -> None:
        """Write the results of all nodes; if the disk is full, try again later."""
        if self._results:
            with suppress(OSError):
                self._results.flush()

    def _body(self, spec: NodeSpec) -> Callable[[], None]:
        def run() -> None:
            take_turn(self._batching, self._turns.clock)
            if spec.fresh:
                spec.log.write_text("")
            handler = log_file(spec.log)
            log_to(handler, logging.getLogger().level)
            if self._results:
                share(self._results)
            try:
                spec.node_class(*spec.args, **spec.kwargs)
            except (Stopped, KeyboardInterrupt):  # not the node's
                raise
            except bdb.BdbQuit:
                raise NodeFailed(f"{spec}: stopped in the debugger") from None
            except (Exception, SystemExit) as error:
                self._note(spec, error)
            finally:
                self._alive -= 1
                handler.close()

        return run

    def _note(self, spec: NodeSpec, error: BaseException) -> None:
        failed = judge(error, spec)
        if not failed.status:
            return
        self._failures.append(failed)
        self._turns.lost.add(spec.uid)
        if self._bridge:
            self._bridge.tell_lost(spec.uid)
        if failed.is_bug and self.inspect:
            self.inspect(error)
