"""Signals that end a launcher, of which the first stops it and later ones are ignored."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """A signal that ends the launcher: ``number``."""

    def __init__(self, number: int) -> None:
        named = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        super().__init__(f"stopped by {named}; results so far are saved")
        self.exit_status = 128 + number


@contextmanager
def end_once() -> Iterator[None]:
    """Raise :class:`Stopped` at the first signal of ``ENDING``; ignore later ones.

    Signals that are already ignored, such as SIGHUP under ``nohup``, stay ignored. Does
    nothing outside the main thread, since only that may set handlers.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {each: signal.getsignal(each) for each in ENDING}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, _end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, frame: object) -> NoReturn:
    for each in ENDING:
        signal.signal(each, signal.SIG_IGN)
    raise Stopped(number)
