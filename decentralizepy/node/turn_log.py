"""The log of a node that takes turns with others in a process."""

import logging
import os
import time


class TurnLog(logging.Handler):
    """A log file that is open only while it is written to.

    With thousands of nodes in a process, each of them has one. Messages below WARNING are
    held for up to a second, until the next message.

    Parameters
    ----------
    path : str or PathLike
        The file; messages are appended.
    """

    HOLD_S = 1.0

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__()
        self.path = os.path.abspath(path)
        self._held: list[str] = []
        self._due = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        self._held.append(self.format(record))
        if record.levelno >= logging.WARNING or time.monotonic() >= self._due:
            self.flush()

    def flush(self) -> None:
        """Write what is held; a failure to log must not end the run."""
        if not self._held:
            return
        try:
            with open(self.path, "a", encoding="utf-8") as file:
                file.write("\n".join([*self._held, ""]))
        except OSError:  # such as a full disk
            return
        self._held.clear()
        self._due = time.monotonic() + self.HOLD_S

    def close(self) -> None:
        """Write what is held; a later message is still written."""
        self.flush()
        super().close()
