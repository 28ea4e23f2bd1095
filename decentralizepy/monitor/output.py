"""Standard output and errors of a launcher, which end no run when they break."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

ERASE = "\r\x1b[2K"  # what is on the line of the cursor


class Phase:
    """What a launcher is doing, on the last line of a terminal until something is printed.

    Parameters
    ----------
    stream
        Standard output; nothing is shown if that is not a terminal.
    """

    def __init__(self, stream: Any) -> None:
        self._stream, self._shown = stream, False

    def say(self, text: str) -> None:
        """Replace what is shown."""
        if self._stream.isatty():
            self._stream.write(f"{ERASE}{text} ...")
            self._stream.flush()
            self._shown = True

    def clear(self) -> None:
        """Remove what is shown."""
        if self._shown:
            self._shown = False
            self._stream.write(ERASE)
            self._stream.flush()


class Unfailing:
    """A text stream that drops what cannot be written, such as to a closed pipe.

    Characters that its encoding lacks become question marks.

    Parameters
    ----------
    stream
        Everything else is its own.
    phase : Phase, optional
        Makes way for what is written.
    """

    def __init__(self, stream: Any, phase: Phase | None = None) -> None:
        self._stream, self._phase = stream, phase
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")

    def write(self, text: str) -> int:
        """Write ``text``, if that is possible; return its length."""
        if self._phase:
            self._phase.clear()
        try:
            self._stream.write(text)
        except OSError:
            discard(self._stream)
        return len(text)

    def flush(self) -> None:
        """Write what is held back, if that is possible."""
        try:
            self._stream.flush()
        except OSError:
            discard(self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def discard(stream: Any) -> None:
    """Send what a stream holds back, and all that follows, to nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def is_closed(stream: Any) -> bool:
    """Return whether nobody reads a stream any more, and if so, discard what it holds."""
    try:
        # without a buffer, flushing alone would not fail
        print(file=stream, flush=True)
    except BrokenPipeError:
        discard(stream)
        return True
    return False


@contextmanager
def unfailing() -> Iterator[Callable[[str], None]]:
    """Have ``sys.stdout`` and ``sys.stderr`` fail nobody inside.

    Yields a function that says on a terminal what this process is doing.
    """
    before = sys.stdout, sys.stderr
    phase = Phase(Unfailing(sys.stdout))
    after: Any = Unfailing(sys.stdout, phase), Unfailing(sys.stderr, phase)
    sys.stdout, sys.stderr = after
    try:
        yield phase.say
    finally:
        phase.clear()
        for stream in after:
            stream.flush()
        sys.stdout, sys.stderr = before
