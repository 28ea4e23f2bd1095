"""Plug-ins that hold up a run or fill its disk for a while; an INI file can name them."""

import contextlib
import multiprocessing
import os
import signal
import time
from pathlib import Path

from tests.support.toy import Linear, Points

__all__ = ["Filling", "Interrupted", "Linear", "Meeting", "Slow"]


class Slow(Points):
    """Points whose node ``who`` sleeps ``seconds`` before each pass over them.

    Before pass ``stop_in`` it stops its process until somebody continues it.
    """

    def __init__(
        self,
        rank,
        machine_id,
        mapping,
        who: int = 2,
        seconds: float = 0.0,
        stop_in: int = 0,
        **options,
    ):
        super().__init__(rank, machine_id, mapping, **options)
        self.who, self.seconds, self.stop_in = who, seconds, stop_in
        self.passes = 0

    def get_trainset(self, batch_size=1, shuffle=False):
        if self.uid == self.who and shuffle:
            self.passes += 1
            time.sleep(self.seconds)
            if self.passes == self.stop_in:
                Path(os.environ["STOPPED"]).write_text(str(os.getpid()))
                os.kill(os.getpid(), signal.SIGSTOP)
        return super().get_trainset(batch_size, shuffle)


class Interrupted(Slow):
    """Slow points in a Slurm job (the first task of an array) until it is requeued."""

    def __init__(self, rank, machine_id, mapping, **options):
        super().__init__(rank, machine_id, mapping, **options)
        first = os.environ.get("SLURM_ARRAY_TASK_ID", "0") == "0"
        requeued = "SLURM_RESTART_COUNT" in os.environ
        if "SLURM_JOB_ID" not in os.environ or requeued or not first:
            self.seconds = 0.0


class Meeting(Points):
    """Points whose node 0 waits in its first pass until that of another run is there."""

    def __init__(self, rank, machine_id, mapping, folder: str = "", **options):
        super().__init__(rank, machine_id, mapping, **options)
        self.folder = Path(folder)

    def get_trainset(self, batch_size=1, shuffle=False):
        if self.uid == 0 and shuffle and multiprocessing.parent_process():
            (self.folder / str(os.getppid())).touch()
            while len(list(self.folder.iterdir())) < 2:
                time.sleep(0.01)
        return super().get_trainset(batch_size, shuffle)


class Filling(Points):
    """Points whose node 0 fills the disk of the file ``filler`` before pass ``full_in``.

    Before pass ``free_in`` it makes room again.
    """

    def __init__(
        self,
        rank,
        machine_id,
        mapping,
        filler: str = "",
        full_in: int = 0,
        free_in: int = 0,
        **options,
    ):
        super().__init__(rank, machine_id, mapping, **options)
        self.filler, self.full_in, self.free_in = filler, full_in, free_in
        self.passes = 0

    def get_trainset(self, batch_size=1, shuffle=False):
        if self.uid == 0 and shuffle:
            self.passes += 1
            if self.passes == self.full_in:
                fill(self.filler)
            if self.passes == self.free_in:
                Path(self.filler).unlink()
        return super().get_trainset(batch_size, shuffle)


def fill(path):
    """Write to a file until the disk takes nothing more."""
    with open(path, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(512))
