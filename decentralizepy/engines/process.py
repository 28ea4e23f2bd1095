"""Forks the node processes of one machine, watches them, and stops them together."""

import ctypes
import faulthandler
import gc
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Semaphore
from pathlib import Path
from typing import NoReturn

from decentralizepy.engines import forks, hanging
from decentralizepy.engines.engine import Engine, GoOn
from decentralizepy.engines.failure import Failed, judge
from decentralizepy.errors import PeerError
from decentralizepy.machine import Machine
from decentralizepy.network.namespaces import enter
from decentralizepy.runs.scratch import Scratch
from decentralizepy.runs.signals import ENDING, at_signal
from decentralizepy.runs.spec import NodeSpec

STOP_S = 3.5  # how long a node may take to close its files when asked to stop
OOM_SCORE = "500"  # of 1,000
_PR_SET_PDEATHSIG = 1
_SIGNALS = set(ENDING)


class LocalNodes(Engine):
    """One operating-system process for each of ``specs``.

    Parameters
    ----------
    specs, go_on
        As for :class:`~decentralizepy.engines.engine.Engine`.
    """

    def __init__(self, specs: list[NodeSpec], go_on: GoOn = None) -> None:
        super().__init__(specs, go_on)
        self.processes: list[BaseProcess] = []
        self._reports = Scratch()
        self._oom_kills = Machine().oom_kills()

    def start(self) -> None:
        """Fork all nodes, which share the memory of what the launcher has loaded.

        They wait until all are there: the first ones would take the cores from the
        launcher, which would be longer and longer in forking the others.
        """
        gc.collect()
        gc.freeze()  # the collector would write to shared pages, which copies them
        forks.end_threads()
        context = forks.context()
        gate = context.Semaphore(0)
        with _signals_held():
            for spec in self.specs:
                # not daemonic: a user's DataLoader may have workers
                arguments = (spec, os.getpid(), self._report(spec), gate)
                process = context.Process(target=_run, args=arguments)
                process.start()
                self.processes.append(process)
            for _ in self.specs:
                gate.release()

    def wait(self, timeout: float) -> bool:
        """Wait up to ``timeout`` seconds for a process to end; return whether all have.

        Errors as in the base class.
        """
        running = [process for process in self.processes if process.exitcode is None]
        if running:  # else it would wait for nothing until the timeout
            connection.wait([process.sentinel for process in running], timeout)
        if not self.may_go_on() and (failure := self.failure()):
            if failure.exit_status == PeerError.exit_status:
                nodes = zip(self.specs, self.processes, strict=True)
                failure.args = (f"{failure}{hanging.describe(nodes)}",)
            raise failure
        return None not in self._exit_codes()

    def places(self, uids: Collection[int]) -> str:
        nodes = zip(self.specs, self.processes, strict=True)
        return hanging.places(each for each in nodes if self._runs(each[0], uids))

    def _runs(self, spec: NodeSpec, uids: Collection[int]) -> bool:
        """Return whether one of the nodes ``uids`` runs in the process of ``spec``."""
        return spec.uid in uids

    @property
    def alive(self) -> int:
        return sum(code is None for code in self._exit_codes())

    def stop(self) -> None:
        """Ask all processes to stop; kill them after a few seconds, or at a signal."""
        deadline = time.monotonic() + STOP_S
        try:
            with at_signal(lambda: self._signal(signal.SIGKILL)):
                self._signal(signal.SIGTERM)
                for process in self.processes:
                    process.join(max(0.0, deadline - time.monotonic()))
        finally:  # also if a signal stops the launcher meanwhile
            self._signal(signal.SIGKILL)
            for process in self.processes:
                process.join()

    def __exit__(self, *exception: object) -> None:
        try:
            super().__exit__(*exception)
        finally:
            self._reports.cleanup()

    def _report(self, spec: NodeSpec) -> Path:
        """Return the file in which a node reports an error of the user's code."""
        return self._reports.path / str(spec.rank)

    def _signal(self, number: int) -> None:
        for process in self.processes:
            if process.exitcode is None and process.pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(process.pid, number)

    def _exit_codes(self) -> list[int | None]:
        return [process.exitcode for process in self.processes]

    def failures(self) -> list[Failed]:
        codes = zip(self.specs, self._exit_codes(), strict=True)
        return [Failed(spec, code) for spec, code in codes if code]

    def explained(self, failed: Failed) -> Failed:
        """Return a failure with the node's report, and whether memory ran out."""
        killed = failed.status == -signal.SIGKILL
        short = killed and Machine().oom_kills() > self._oom_kills
        with suppress(OSError):  # a node that was killed leaves none
            report = self._report(failed.spec).read_text(encoding="utf-8")
            failed = failed._replace(report=report)
        return failed._replace(why=" (out of memory)" if short else "")


@contextmanager
def _signals_held() -> Iterator[None]:
    """Block Ctrl-C and SIGTERM until a forked process has installed its handlers."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def _run(spec: NodeSpec, launcher: int, report: Path, gate: Semaphore) -> NoReturn:
    """Run a node in its process, log its failure, and exit with its status.

    It begins once ``gate`` is released.
    """
    _end_with(launcher)
    _end_children()
    with suppress(OSError):  # if memory runs out, kill a node, not the launcher
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)
    for number in (signal.SIGINT, signal.SIGHUP):  # of the terminal's
        signal.signal(number, signal.SIG_IGN)  # the launcher decides
    signal.signal(signal.SIGTERM, _stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    gate.acquire()
    if spec.namespace is not None:
        enter(spec.namespace)  # before there are other threads
    if spec.fresh:
        spec.log.write_text("")
    with open(spec.log, "a", encoding="utf-8") as log:
        faulthandler.enable(log)
        # where it hangs, if the launcher asks
        faulthandler.register(signal.SIGUSR1, log, all_threads=False)
        logging.raiseExceptions = False  # a failure to log must not end the run
        logging.getLogger().addHandler(logging.StreamHandler(log))
        # keep the error alive: freeing it frees the node's sockets, which wait until they
        # have sent everything, and a signal would be raised in their destructor
        status, _error = _status_of(spec, report)
        with suppress(OSError):
            logging.shutdown()
    for child in multiprocessing.active_children():
        child.kill()
    os._exit(status)  # skips the launcher's cleanup handlers


def _status_of(spec: NodeSpec, report: Path) -> tuple[int, BaseException | None]:
    """Run a node; return its exit status, and the error that it ended with."""
    try:
        spec.node_class(*spec.args, **spec.kwargs)
    except BaseException as error:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it is ending
        failed = judge(error, spec)
        if failed.report:
            with suppress(OSError):  # a full disk; the error is also in the log
                report.write_text(failed.report, encoding="utf-8")
        return failed.status, error
    return 0, None


def _stop(number: int, frame: object) -> NoReturn:
    raise SystemExit(128 + number)


def _end_with(parent: int) -> None:
    """Have the kernel kill this process when its parent dies, for whatever reason."""
    with suppress(OSError, AttributeError):  # not Linux
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it has already died
        os._exit(1)


def _end_children() -> None:
    """Have the kernel kill this process's children, such as workers, when it dies.

    Otherwise they would keep its ports. Children forked by another thread are exempt:
    the kernel would kill them when that thread ends.
    """
    main = threading.main_thread()
    forking = [(main, os.getpid())]

    def before() -> None:
        forking[0] = (threading.current_thread(), os.getpid())

    def after() -> None:
        thread, parent = forking[0]
        if thread is main:
            _end_with(parent)

    os.register_at_fork(before=before, after_in_child=after)
