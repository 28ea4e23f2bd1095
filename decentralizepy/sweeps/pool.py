"""Runs the points of a sweep, several at once, each in a process forked from this one."""

import multiprocessing
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import decentralizepy
from decentralizepy.engines.forks import context, end_threads
from decentralizepy.runs.signals import ENDING
from decentralizepy.sweeps.meter import Meter, at_once
from decentralizepy.sweeps.plan import Job, set_flags

OUTPUT = "output.txt"
PROGRAM = Path(decentralizepy.__file__).with_name("__main__.py")
POLL_S = 0.1
STOP_S = 60.0  # a launcher stops its nodes within seconds


@dataclass
class Running:
    """A point whose run is in progress."""

    job: Job
    process: BaseProcess
    began: float

    def await_end(self) -> None:
        """Wait for a run that was told to end; kill it if it does not."""
        self.process.join(STOP_S)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()


class Pool:
    """The runs in progress, at most ``jobs``; measured on the first run if None.

    Parameters
    ----------
    main
        The ``decentralizepy`` command: runs what words say, and returns its exit status.
    words
        The flags of ``decentralizepy run`` that all points share.
    jobs
        The largest number of runs at once.
    """

    def __init__(
        self,
        main: Callable[[Sequence[str]], int],
        words: Sequence[str],
        jobs: int | None = None,
    ) -> None:
        self.main, self.words = main, list(words)
        self.limit = jobs or 1
        self.measured = jobs is not None
        self.running: dict[int, Running] = {}
        self._meter: Meter | None = None
        self._context = _context()

    def run(self, jobs: Iterable[Job]) -> Iterator[Job]:
        """Run all of ``jobs``; yield each as it ends, with its record."""
        waiting = deque(jobs)
        with self._stopped_at_the_end():
            while waiting or self.running:
                while waiting and len(self.running) < self.limit:
                    self._start(waiting.popleft())
                yield from self._ended()
                self._measure(len(waiting))
                time.sleep(POLL_S)

    def _start(self, job: Job) -> None:
        slot = next(n for n in range(self.limit) if n not in self.running)
        job.log_dir.mkdir(parents=True, exist_ok=True)
        job.record.write(job.folder)
        words, output = command(job, self.words, slot), job.folder / OUTPUT
        if not job.checkpointed:
            output.write_bytes(b"")
        end_threads()
        process = self._context.Process(
            target=run_point, args=(self.main, words, output)
        )
        process.start()
        self.running[slot] = Running(job, process, time.monotonic())
        if not self.measured and self._meter is None:
            self._meter = Meter(process.pid, job.log_dir)

    def _ended(self) -> Iterator[Job]:
        for slot, each in [*self.running.items()]:
            status = each.process.exitcode
            if status is None:
                continue
            del self.running[slot]
            record = replace(
                each.job.record,
                status="failed" if status else "done",
                exit_status=status,
                seconds=round(time.monotonic() - each.began, 1),
            )
            record.write(each.job.folder)
            yield replace(each.job, record=record, done=not status)

    def _measure(self, waiting: int) -> None:
        """Set the limit, once the first run has been measured."""
        if self.measured or self._meter is None:
            return
        if self._meter.measure() or not self.running:
            self.measured = True
            self.limit = at_once(self._meter.cores, self._meter.memory)
            if waiting:
                print(self._told(), flush=True)

    def _told(self) -> str:
        assert self._meter is not None
        cores, memory = self._meter.cores, self._meter.memory / 2**20
        return (
            f"{self.limit} at once: the first run keeps {cores:.1f} cores busy and "
            f"fills {memory:,.0f} MiB"
        )

    @contextmanager
    def _stopped_at_the_end(self) -> Iterator[None]:
        try:
            yield
        finally:
            for each in self.running.values():
                each.process.terminate()  # a second signal would hurry it
            for each in self.running.values():
                each.await_end()


def command(job: Job, words: Sequence[str], slot: int = 0) -> list[str]:
    """Return the words that run a point, or resume it from its checkpoints.

    Runs at the same time have different ports: those of ``slot`` 0 are the file's.
    """
    weights = ["--weights_store_dir", str(job.folder / "weights")]
    place = ["--log_dir", str(job.log_dir), *weights, "--overwrite"]
    if job.checkpointed:
        words, place = [], ["--resume", str(job.log_dir)]
    settings = set_flags(() if job.checkpointed else job.point.settings)
    if slot and job.ports:
        offset = job.ports.start + 4 + slot * len(job.ports)
        settings += ["--set", f"COMMUNICATION.offset={offset}"]
    return ["run", *words, *settings, *place]


def _context() -> Any:
    """Return what starts processes: by a fork, unless CUDA would not survive it."""
    import torch

    used = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return multiprocessing.get_context("spawn") if used else context()


def run_point(
    main: Callable[[Sequence[str]], int], words: Sequence[str], output: Path
) -> None:
    """Do what a command with these words does; append what it prints to a file.

    In a process forked from one that has checked all points, torch is imported already,
    which takes longer than many a run.
    """
    os.setsid()  # so that Ctrl-C is passed on once
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    sys.argv = [str(PROGRAM), *words]
    file = output.open("a", encoding="utf-8", errors="backslashreplace", buffering=1)
    for stream in (1, 2):
        os.dup2(file.fileno(), stream)
    sys.stdout = sys.stderr = file
    sys.exit(main(words))


def reason(folder: Path) -> str:
    """Return the last line that a run printed."""
    text = (folder / OUTPUT).read_text(encoding="utf-8", errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it printed nothing"
