"""Temporary folders for a run's keys, sockets and reports, removed even after a crash."""

import fcntl
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

PREFIX = "decentralizepy-"
MARK = ".scratch"


class Scratch:
    """A new folder that only this user can read; as a context manager, removes it.

    Folders left behind by launchers that were killed are removed when the next one is
    created: the kernel has released the locks on their marks.
    """

    def __init__(self) -> None:
        sweep(Path(tempfile.gettempdir()))
        while True:
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
            mark = self.path / MARK
            self._lock = mark.open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            if mark.exists():  # otherwise another launcher swept it before the lock
                break
            self._lock.close()

    def cleanup(self) -> None:
        """Remove the folder and its contents."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *exception: object) -> None:
        self.cleanup()


def sweep(folder: Path) -> None:
    """Remove the leftovers of killed launchers from ``folder``."""
    for mark in folder.glob(f"{PREFIX}*/{MARK}"):
        with suppress(OSError), mark.open("r+") as file:  # another user's, or in use
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(mark.parent, ignore_errors=True)
