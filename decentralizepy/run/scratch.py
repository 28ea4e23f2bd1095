"""Folders for keys, sockets and reports of a run: removed at its end, or by the next run."""

import fcntl
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

PREFIX = "decentralizepy-"
MARK = ".scratch"


class Scratch:
    """A new folder that only this user can read; a context that removes it.

    What a launcher that was killed has left is removed when the next one is made: the
    kernel has released the lock on its mark.
    """

    def __init__(self) -> None:
        sweep(Path(tempfile.gettempdir()))
        while True:
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
            mark = self.path / MARK
            self._lock = mark.open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            if mark.exists():  # else another launcher has swept it away before the lock
                break
            self._lock.close()

    def cleanup(self) -> None:
        """Remove the folder and what is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *exception: object) -> None:
        self.cleanup()


def sweep(folder: Path) -> None:
    """Remove from ``folder`` what launchers that were killed have left."""
    for mark in folder.glob(f"{PREFIX}*/{MARK}"):
        with suppress(OSError), mark.open("r+") as file:  # another user's, or in use
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(mark.parent, ignore_errors=True)
