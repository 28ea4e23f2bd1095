"""A lock on the log folder, which only one launcher at a time may use."""

import fcntl
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from decentralizepy.errors import ConfigError, DecentralizepyError
from decentralizepy.run import folders

NAME = ".lock"


class HeldFolder:
    """A log folder that this process has locked.

    Parameters
    ----------
    path
        The folder, which must exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stat = path.stat()

    def check(self) -> None:
        """Raise a DecentralizepyError if the folder was removed or renamed."""
        with suppress(OSError):
            if os.path.samestat(self._stat, self.path.stat()):
                return
        raise DecentralizepyError(
            f"--log_dir {self.path}: was removed during the run; the results are lost"
        )


@contextmanager
def hold(folder: Path, machine: int) -> Iterator[HeldFolder]:
    """Create a log folder, and lock it inside the context.

    The kernel releases the lock when this process and its nodes have died. A folder that
    was created here and is still empty at the end is removed.

    Parameters
    ----------
    folder
    machine
        Number of the machine, for the message of another launcher.

    Raises
    ------
    ConfigError
        If the folder cannot be written to, or is in use by another launcher.
    """
    is_new = not folder.exists()
    folders.make("--log_dir", folder)
    with _lock(folder, machine):
        try:
            yield HeldFolder(folder)
        finally:
            (folder / NAME).unlink(missing_ok=True)
            if is_new:
                with suppress(OSError):
                    folder.rmdir()


def _lock(folder: Path, machine: int) -> TextIO:
    """Return the locked lock file, which tells other launchers who holds it."""
    path = folder / NAME
    while True:
        file = _open(path)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with file:
                raise _in_use(folder, file.read()) from None
        except OSError as error:
            text = f"warning: --log_dir {folder}: cannot be locked: {error.strerror}"
            print(text, file=sys.stderr)
        if _is_at(path, file):  # otherwise its last holder has just removed it
            since = time.strftime("%Y-%m-%d %H:%M:%S")
            file.truncate()
            file.write(
                f"machine {machine}, host {socket.gethostname()}, pid {os.getpid()}, "
                f"since {since}"
            )
            file.flush()
            return file
        file.close()


def _open(path: Path) -> TextIO:
    try:
        # other users cannot open the file, and thus cannot lock it
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ConfigError(f"--log_dir {path}: {error.strerror}") from None
    return os.fdopen(descriptor, "r+", encoding="utf-8")


def _is_at(path: Path, file: TextIO) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _in_use(folder: Path, holder: str) -> ConfigError:
    return ConfigError(
        f"--log_dir {folder}: another launcher runs in it ({holder}); expected a folder "
        "of its own for each run and each machine"
    )
