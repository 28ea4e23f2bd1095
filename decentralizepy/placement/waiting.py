"""Tells on machine 0 which machines are still missing, while it waits for them."""

import time
from typing import TYPE_CHECKING

from decentralizepy.errors import PeerTimeout

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

FIRST_S, AGAIN_S = 2.0, 10.0  # on a terminal, the time since is always up to date


class Waiting:
    """Shows a wait on standard error, and limits it; a context manager.

    Parameters
    ----------
    limit : float
        Seconds.
    console : rich.console.Console, optional
        Standard error by default.
    first : float
        Seconds until the first line.
    """

    def __init__(
        self, limit: float, console: "Console | None" = None, first: float = FIRST_S
    ) -> None:
        from rich.console import Console

        self.limit, self.console = limit, console or Console(stderr=True)
        self._first = first
        self.since = self._told = time.monotonic()
        self._status: Status | None = None
        self._shown = ""

    def show(self, text: str) -> None:
        """Show what is waited for.

        Raises
        ------
        PeerTimeout
            If that has taken too long.
        """
        now = time.monotonic()
        waited = now - self.since
        whole = f"{text} (since {waited:.0f} s)"
        if waited > self.limit:
            raise PeerTimeout(f"{whole}: [FAULTS] start_timeout = {self.limit:g}")
        if self._status:
            self._status.update(whole)
        elif now - self._told > (AGAIN_S if text == self._shown else self._first):
            self.console.print(whole, markup=False, highlight=False, soft_wrap=True)
            self._told, self._shown = now, text

    def __enter__(self) -> "Waiting":
        if self.console.is_terminal:
            self._status = self.console.status("")
            self._status.start()
        return self

    def __exit__(
        self, kind: object, error: BaseException | None, trace: object
    ) -> None:
        if self._status:
            self._status.stop()
