"""Terminal output of a run: live view, plain lines, summary."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from decentralizepy.monitor.tally import Spread, Tally
from decentralizepy.monitor.units import duration, size
from decentralizepy.monitor.waiting import Locator, Waiting, read_waiting
from decentralizepy.results.read import read_dataset
from decentralizepy.results.write import read_final

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live


class Progress(Tally):
    """A :class:`Tally` that can be rendered for humans.

    Attributes
    ----------
    waiting : Waiting or None
        The peers that nodes are waiting for, if they have waited long.
    locator : Locator
        Finds where in the code these are.
    """

    waiting: Waiting | None = None
    locator = Locator(lambda uids: "")

    def poll(self) -> None:
        """Read what was appended since the last poll, and which nodes are waiting."""
        super().poll()
        waiting = read_waiting(self.log_dir)
        self.waiting = waiting and self.locator.located(waiting, self.clock())

    def render(self, alive: int) -> RenderableType:
        """Return the live view; ``alive`` is the number of running processes."""
        from rich.panel import Panel
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        bar = Table.grid(padding=(0, 2))
        bar.add_row(
            ProgressBar(max(self.iterations, 1), self.slowest, width=30), self._rounds()
        )
        view = Table.grid(padding=(0, 2))
        view.add_column(style="dim", no_wrap=True)
        view.add_row("round", bar)
        for label, text in self._rows(alive):
            view.add_row(label, text)
        where = Text("/".join(self.log_dir.parts[-2:]), style="bold")
        return Panel(view, title=where, title_align="left", width=80)

    def line(self, alive: int) -> str:
        """Return the state in one line, for output that is not a terminal."""
        parts = [f"round {self.slowest}/{self.iterations} (median {self.median})"]
        if self.accuracy:
            parts.append(f"accuracy {_range(self.accuracy)}")
        if self._losses(", "):
            parts.append(f"loss {self._losses(', ')}")
        parts.append(f"{size(self.total_bytes)} sent")
        parts.append(f"{alive}/{len(self.ranks)} alive{self._ended_too(alive)}")
        if slowest := self.waits.recently():
            parts.append(f"slowest: {slowest}")
        return "; ".join([*parts, self._times(", ")])

    def summary(self, files: Iterable[Path | str]) -> RenderableType:
        """Read the remaining results; return the table for the end of the run.

        Parameters
        ----------
        files
            The files written; those that differ only in the rank are shown as one.
        """
        from rich.table import Table
        from rich.text import Text

        self.poll()
        title = Text("/".join(self.log_dir.parts[-2:]), style="bold")
        table = Table(title=title, title_justify="left", show_header=False)
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        for label, text in self._results():
            table.add_row(label, text)
        table.add_row("files", Text("\n".join(_listed(self.log_dir, files))))
        return table

    def _accuracy(self, with_std: bool = False) -> str:
        if not (seen := self.accuracy):
            return ""
        std = f" ± {seen.std:.1f}" if with_std else ""
        of = f" of {self.testing}" if seen.nodes < self.testing else ""
        return (
            f"[bold]{seen.mean:.1f}{std}%[/]   min {seen.low:.1f} (node {seen.lowest})"
            f"   max {seen.high:.1f}   round {seen.round}, nodes: {seen.nodes}{of}"
        )

    def _ended_too(self, alive: int) -> str:
        ended = self.count_ended(alive)
        return f", {ended} ended" if ended else ""

    def _rounds(self) -> str:
        share = self.slowest / max(self.iterations, 1)
        done = f"[bold]{self.slowest}/{self.iterations}[/]   {share:.0%}"
        return f"{done}   median {self.median}"

    def _rows(self, alive: int) -> list[tuple[str, str]]:
        from rich.markup import escape

        lost = len(self.ranks) - alive - self.count_ended(alive)
        colour = "yellow" if lost else "green"
        live = f"[{colour}]{alive}/{len(self.ranks)}[/] processes"
        pace = f"{size(self.bytes_per_round)}/round"
        rows = [
            ("accuracy", self._accuracy() or "not yet"),
            ("loss", self._losses("   ") or "not yet"),
            ("sent", f"{size(self.total_bytes)}   {pace}   {self._kinds()}"),
            ("alive", live + self._ended_too(alive)),
            ("time", self._times("   ")),
            ("slowest", str(self.waits.recently() or "")),
            (
                "waits",
                f"[yellow]{escape(str(self.waiting))}[/]" if self.waiting else "",
            ),
        ]
        return [(label, text) for label, text in rows if text]

    def _results(self) -> list[tuple[str, str]]:
        total = f"{size(self.total_bytes)} in total"
        mean = f"{size(self.total_bytes / max(self.reporting, 1))} per node"
        rows = [
            ("data set", read_dataset(self.log_dir)),
            ("rounds", f"{self.slowest} of {self.iterations}"),
            ("time", duration(self.seconds)),
            ("slowest", str(self.waits.overall() or "")),
            ("accuracy", self._accuracy(with_std=True)),
            ("mean model", self._mean_model()),
            ("loss", self._losses("   ")),
            ("sent", f"{mean}   {total}"),
            ("of that", self._kinds()),
        ]
        return [(label, text) for label, text in rows if text]

    def _mean_model(self) -> str:
        final = read_final(self.log_dir)
        shown = (
            ("mean_model_acc", "{:.1f}%"),
            ("consensus_distance", "distance {:.3g}"),
        )
        return "   ".join(
            text.format(value)
            for name, text in shown
            for value in final.get(name, {}).values()
            if value is not None
        )

    def _losses(self, between: str) -> str:
        kinds = (("train", self.train_loss), ("test", self.test_loss))
        return between.join(f"{kind} {seen.mean:.4g}" for kind, seen in kinds if seen)

    def _kinds(self) -> str:
        meta = self.total_meta / max(self.total_bytes, 1)
        return f"data {1 - meta:.2%}   metadata {meta:.2%}" if self.total_bytes else ""

    def _times(self, between: str) -> str:
        parts = [f"{duration(self.seconds)} elapsed"]
        if self.pace is not None:
            parts.append(f"{self.pace:.3g} s/round")
        if self.remaining is not None:
            parts.append(f"{duration(self.remaining)} left")
        return between.join(parts)


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
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
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
        if waiting.whom != whom or found or now - when >= self.WAITING:
            self.errors.print(
                str(waiting), markup=False, highlight=False, soft_wrap=True
            )
            self._told = waiting.whom, waiting.place or place, now

    def message(self, text: str) -> None:
        """Print ``text`` above the view."""
        from rich.text import Text

        # as Text, since markup=False would also affect the view below
        self.console.print(Text(text), soft_wrap=not self._live)


def _range(seen: Spread) -> str:
    span = f"{seen.low:.1f} to {seen.high:.1f}"
    return f"{seen.mean:.1f}% ({span}) in round {seen.round}"


def _listed(folder: Path, files: Iterable[Path | str]) -> list[str]:
    """Name files below ``folder``; those that differ in a leading rank become one."""
    names = Counter[str]()
    for file in files:
        path = Path(file)
        inside = path.relative_to(folder) if path.is_relative_to(folder) else path
        names[
            str(inside.with_name(re.sub(r"^-?\d+([_.])", r"<rank>\1", path.name)))
        ] += 1
    return [name if n == 1 else f"{name} ({n} files)" for name, n in names.items()]
