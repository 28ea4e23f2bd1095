"""Import of what draws figures, in the background of a run."""

import threading
from contextlib import suppress


class Preload:
    """Imports what draws figures in a thread, so that they do not wait for it at the end.

    A context manager. When it exits, the import has finished, because a process must not
    be forked during one: the new process would wait forever for a module that nobody
    imports there.
    """

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the import, unless it has been started."""
        if self._thread is None:
            self._thread = threading.Thread(target=_quietly, name="preload")
            self._thread.start()

    def __enter__(self) -> "Preload":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._thread:
            self._thread.join()


def _quietly() -> None:
    with suppress(Exception):  # raised again, and reported, when figures are drawn
        _import()


def _import() -> object:
    import matplotlib.backends.backend_agg
    import matplotlib.image
    import pandas

    return matplotlib, pandas
