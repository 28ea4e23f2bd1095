"""Signals that end a launcher: the first stops it, a second makes it do so at once."""

import ctypes
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PR_SET_PDEATHSIG = 1


class Stopped(BaseException):
    """A signal that ends the launcher: ``number``."""

    def __init__(self, number: int) -> None:
        named = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        super().__init__(f"stopped by {named}; results so far are saved")
        self.exit_status = 128 + number


@contextmanager
def end_once() -> Iterator[None]:
    """Raise :class:`Stopped` at the first signal of ``ENDING``.

    Later ones do nothing, except within :func:`at_signal`.

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


def hold(number: signal.Signals) -> None:
    """Have a signal wait, also in processes forked later, until somebody asks for it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {number})


def end_with_parent() -> None:
    """Have the kernel send SIGTERM to this process when its parent dies, even if killed."""
    with suppress(OSError, AttributeError):  # not Linux
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@contextmanager
def at_signal(action: Callable[[], None]) -> Iterator[None]:
    """Also call ``action`` at each signal of ``ENDING`` that is not ignored."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {each: signal.getsignal(each) for each in ENDING}

    def act(number: int, frame: FrameType | None) -> None:
        action()
        earlier = before[signal.Signals(number)]
        if callable(earlier):
            earlier(number, frame)

    for each, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(each, act)
    try:
        yield
    finally:
        for each, handler in before.items():
            if signal.getsignal(each) is act:  # the action may have replaced it
                signal.signal(each, handler)


def _end(number: int, frame: object) -> NoReturn:
    for each in ENDING:
        if signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, _ended)
    raise Stopped(number)


def _ended(number: int, frame: object) -> None:
    """Do nothing: the launcher is ending."""
