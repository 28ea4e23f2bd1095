"""A lock on the log folder, which only one launcher at a time may use."""

import fcntl
import os
import re
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from decentralizepy.errors import ConfigError, DecentralizepyError
from decentralizepy.runs import folders

NAME = ".lock"
TOUCHED_S = 4.0  # a launcher touches its lock file every half a second


class HeldFolder:
    """A log folder that this process has locked.

    Parameters
    ----------
    path
        The folder, which must exist.
    holder
        What its lock file says.
    """

    def __init__(self, path: Path, holder: str = "") -> None:
        self.path, self.holder = path, holder
        self._stat = path.stat()

    def check(self) -> None:
        """Show other hosts that this launcher is alive.

        Raises
        ------
        DecentralizepyError
            If the folder was removed, renamed, or taken by a launcher on another host.
        """
        if not self._is_there():
            raise DecentralizepyError(
                f"--log_dir {self.path}: was removed during the run; the results are lost"
            )
        other = _text(self.path / NAME)
        if self.holder and other not in ("", self.holder):
            raise DecentralizepyError(
                f"--log_dir {self.path}: another launcher has taken it ({other}); the "
                "results of both may be lost. Locks do not work on this file system"
            )
        with suppress(OSError):
            os.utime(self.path / NAME)

    def _is_there(self) -> bool:
        try:
            return os.path.samestat(self._stat, self.path.stat())
        except OSError:
            return False

    def release(self) -> None:
        """Remove the lock file, if it is still this launcher's."""
        if _text(self.path / NAME) == self.holder:
            (self.path / NAME).unlink(missing_ok=True)


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
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    host = f"host {socket.gethostname()}"
    holder = f"machine {machine}, {host}, pid {os.getpid()}, since {since}"
    with _lock(folder, host) as file:
        file.seek(0)
        file.truncate()
        file.write(holder)
        file.flush()
        held = HeldFolder(folder, holder)
        try:
            yield held
        finally:
            held.release()
            if is_new:
                with suppress(OSError):
                    folder.rmdir()


def is_held(folder: Path) -> bool:
    """Return whether a launcher, perhaps on another host, runs in a log folder.

    The lock is left alone: a launcher that is starting could not take it meanwhile.
    """
    import psutil

    path = folder / NAME
    held = re.search(r", host (.*), pid (\d+), since ", _text(path))
    if held and held[1] == socket.gethostname():
        return bool(psutil.pid_exists(int(held[2])))
    try:
        return _is_touched(path)
    except FileNotFoundError:
        return False


def _lock(folder: Path, host: str) -> TextIO:
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
            last = file.read()
            if last and f" {host}," not in last and _is_touched(path):
                with file:
                    raise _in_use(folder, last)
            return file
        file.close()


def _is_touched(path: Path) -> bool:
    """Return whether a launcher on another host, whose lock is not seen here, is alive.

    On some network file systems a lock is only seen by the host that holds it.
    """
    before = path.stat().st_mtime_ns
    deadline = time.monotonic() + TOUCHED_S
    while time.monotonic() < deadline:
        time.sleep(TOUCHED_S / 20)
        # NFS asks the server when a file is opened
        with suppress(OSError), path.open():
            if os.stat(path).st_mtime_ns != before:
                return True
    return False


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


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
