"""Standard output and errors of a launcher, which end no run when they break."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Unfailing:
    """A text stream that drops what cannot be written, such as to a closed pipe.

    Characters that its encoding lacks become question marks.

    Parameters
    ----------
    stream
        Everything else is its own.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")

    def write(self, text: str) -> int:
        """Write ``text``, if that is possible; return its length."""
        try:
            self._stream.write(text)
        except OSError:
            self._give_up()
        return len(text)

    def flush(self) -> None:
        """Write what is held back, if that is possible."""
        try:
            self._stream.flush()
        except OSError:
            self._give_up()

    def _give_up(self) -> None:
        """Send what is held back, and all that follows, to nowhere."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def unfailing() -> Iterator[None]:
    """Have ``sys.stdout`` and ``sys.stderr`` fail nobody inside."""
    before = sys.stdout, sys.stderr
    after: tuple[Any, Any] = (Unfailing(sys.stdout), Unfailing(sys.stderr))
    sys.stdout, sys.stderr = after
    try:
        yield
    finally:
        for stream in after:
            stream.flush()
        sys.stdout, sys.stderr = before
