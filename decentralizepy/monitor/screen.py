"""Terminal output of a run: a live view, or plain lines."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from decentralizepy.monitor.progress import Progress

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live


class Screen:
    """Show a :class:`Progress` during a run.

    On a terminal, a live view is refreshed at most twice per second. Elsewhere, a line is
    printed every 5 s, and when an evaluation is complete (at most one per second); long
    waits are reported on standard error, at most once a minute unless the peers waited
    for change, or it is found where they are. A context manager that starts no threads.

    Parameters
    ----------
    progress : Progress
    console : rich.console.Console, optional
        Standard output by default.
    errors : rich.console.Console, optional
        Where long waits are reported if there is no live view.
    """

    REDRAW, LINE, EVALUATED, WAITING = 0.5, 5.0, 1.0, 60.0  # seconds

    def __init__(
        self,
        progress: Progress,
        console: Console | None = None,
        errors: Console | None = None,
    ) -> None:
        from rich.console import Console

        self.progress = progress
        self.console = console or Console()
        self.errors = errors or Console(stderr=True)
        self._told = ("", "", -math.inf)
        self._live: Live | None = None
        self._alive = len(progress.ranks)
        self._shown = -math.inf
        self._evaluated = 0

    def __enter__(self) -> Screen:
        if self.console.is_terminal:
            from rich.live import Live

            self._live = Live(
                self.progress.render(self._alive),
                console=self.console,
                auto_refresh=False,
            )
            self._live.start(refresh=True)
        return self

    def __exit__(
        self, kind: object, error: BaseException | None, trace: object
    ) -> None:
        self.progress.end()
        if self._live:
            self.progress.poll()
            self._live.transient = kind is None  # the summary replaces it
            self._live.update(self.progress.render(self._alive), refresh=True)
            self._live.stop()
            self._live = None

    def update(self, alive: int) -> None:
        """Show changes if an update is due; ``alive`` processes are still running."""
        self._alive = alive
        waited = self.progress.clock() - self._shown
        if waited < (self.REDRAW if self._live else self.EVALUATED):
            return
        self.progress.poll()
        if self._live:
            self._live.update(self.progress.render(alive), refresh=True)
            self._shown = self.progress.clock()
            return
        self._tell_waiting()
        if waited >= self.LINE or self.progress.evaluated > self._evaluated:
            self.message(self.progress.line(alive))
            self._evaluated = self.progress.evaluated
            self._shown = self.progress.clock()

    def _tell_waiting(self) -> None:
        if not (waiting := self.progress.waiting):
            return
        (whom, place, when), now = self._told, self.progress.clock()
        found = waiting.place not in ("", place)
        if waiting.whom + waiting.hint != whom or found or now - when >= self.WAITING:
            self.errors.print(
                str(waiting), markup=False, highlight=False, soft_wrap=True
            )
            self._told = waiting.whom + waiting.hint, waiting.place or place, now

    def message(self, text: str) -> None:
        """Print ``text`` above the view."""
        from rich.text import Text

        # as Text, since markup=False would also affect the view below
        self.console.print(Text(text), soft_wrap=not self._live)
