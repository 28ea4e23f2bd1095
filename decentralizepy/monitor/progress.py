"""A run in progress as text: the live view, a line, the summary."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from decentralizepy.monitor.heading import heading, read_manifest
from decentralizepy.monitor.spread import Spread
from decentralizepy.monitor.tally import Tally
from decentralizepy.monitor.units import duration, size
from decentralizepy.monitor.waiting import Locator, Waiting, read_waiting
from decentralizepy.results.read import MANY, read_dataset
from decentralizepy.results.schedule import MEAN_MODEL
from decentralizepy.results.write import newest_final

if TYPE_CHECKING:
    from rich.console import RenderableType

Heard = Callable[[int, Mapping[str, Any]], None]
_OF_MEAN_MODEL = {
    "mean_model_acc": "[bold]{:.1f}%[/]",
    "mean_model_loss": "loss {:#.4g}",
    "consensus_distance": "distance {:.3g}",
}


class Progress(Tally):
    """A :class:`Tally` that can be rendered for humans.

    Attributes
    ----------
    waiting : Waiting or None
        The peers that nodes are waiting for, if they have waited long.
    locator : Locator
        Finds where in the code these are.
    heard : callable
        Called with a node's uid and each line of its results.
    worst : int
        How many nodes of low accuracy have a row.
    """

    waiting: Waiting | None = None
    locator = Locator(lambda uids: "")
    heard: Heard = staticmethod(lambda uid, row: None)
    worst = 0
    _heading = ""

    @property
    def heading(self) -> str:
        """What is run, once that has been recorded."""
        self._heading = self._heading or heading(read_manifest(self.log_dir))
        return self._heading

    @property
    def whole(self) -> Path:
        """The folder of the run: of this machine, or of all."""
        return self.log_dir.parent if len(self._folders) > 1 else self.log_dir

    @property
    def elsewhere(self) -> int:
        """How many processes of other machines have rounds left."""
        others = (rank for rank in self.ranks if self._places[rank][0] != self.log_dir)
        return sum(self.finished[rank] < self.iterations for rank in others)

    def poll(self) -> None:
        """Read what was appended since the last poll, and which nodes are waiting."""
        super().poll()
        waiting = read_waiting(self.log_dir)
        self.waiting = waiting and self.locator.located(waiting, self.clock())

    def _add(self, rank: int, record: dict[str, Any]) -> None:
        super()._add(rank, record)
        if isinstance(record.get("round"), int):
            self.heard(self._uids[rank], record)

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
        if self.heading:
            view.add_row("run", Text(self.heading))
        view.add_row("round", bar)
        for label, text in self._rows(alive):
            view.add_row(label, text)
        where = Text("/".join(self.whole.parts[-2:]), style="bold")
        return Panel(view, title=where, title_align="left", width=80)

    def line(self, alive: int) -> str:
        """Return the state in one line, for output that is not a terminal."""
        parts = [f"round {self.slowest}/{self.iterations} (median {self.median})"]
        if self.accuracy:
            parts.append(f"accuracy {_range(self.accuracy, self._of(self.accuracy))}")
        if tested := self.mean_model[1].get("mean_model_acc"):
            parts.append(f"mean model {tested:.1f}% in round {self.mean_model[0]}")
        if self._losses(", "):
            parts.append(f"loss {self._losses(', ')}")
        parts.append(f"{size(self.total_bytes)} sent")
        parts.append(f"{alive}/{len(self.ranks)} alive{self._beside(alive)}")
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
        title = Text("/".join(self.whole.parts[-2:]), style="bold")
        table = Table(title=title, title_justify="left", show_header=False)
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        for label, text in self._results():
            table.add_row(label, text)
        table.add_row("files", Text("\n".join(_listed(self.whole, files))))
        return table

    def _accuracy(self, with_std: bool = False) -> str:
        if not (seen := self.accuracy):
            return ""
        std = f" ± {seen.std:.1f}" if with_std else ""
        parts = [f"[bold]{seen.mean:.1f}{std}%[/]"]
        if seen.nodes <= MANY:
            parts += _ends(seen)
        return "   ".join(
            [*parts, f"round {seen.round}, nodes: {seen.nodes}{self._of(seen)}"]
        )

    def _of(self, seen: Spread) -> str:
        return f" of {self.testing}" if seen.nodes < self.testing else ""

    def _beside(self, alive: int) -> str:
        """Return how many processes have ended, and how many nodes are down."""
        ended = self.count_ended(alive)
        down = self.churn.now(self.finished, self.iterations)
        return (f", {ended} ended" if ended else "") + down

    def _rounds(self) -> str:
        share = self.slowest / max(self.iterations, 1)
        done = f"[bold]{self.slowest}/{self.iterations}[/]   {share:.0%}"
        return f"{done}   median {self.median}"

    def _rows(self, alive: int) -> list[tuple[str, str]]:
        from rich.markup import escape

        lost = len(self.ranks) - alive - self.count_ended(alive)
        colour = "yellow" if lost else "green"
        live = f"[{colour}]{alive}/{len(self.ranks)}[/]"
        pace = f"{size(self.bytes_per_round)}/round"
        rows = [
            ("start", self._starting()),
            *self._tests(),
            ("sent", f"{size(self.total_bytes)}   {pace}   {self._kinds()}"),
            ("alive", live + self._beside(alive)),
            ("time", self._times("   ")),
            ("slowest", str(self.waits.recently() or "")),
            (
                "waits",
                f"[yellow]{escape(str(self.waiting))}[/]" if self.waiting else "",
            ),
            *(
                ("worst", self._row(*each))
                for each in self.evaluations.worst(self.worst)
            ),
        ]
        return [(label, text) for label, text in rows if text]

    def _tests(self) -> list[tuple[str, str]]:
        if self.evaluators.which == MEAN_MODEL:
            number, metrics = self.mean_model
            where = f"   round {number}" if number else "not yet"
            return [("mean model", self._mean_model(metrics) + where)]
        return [
            ("accuracy", self._accuracy() or "not yet"),
            ("earlier", self._trend()),
            ("spread", self._spread_of_many()),
            ("loss", self._losses("   ") or "not yet"),
        ]

    def _results(self) -> list[tuple[str, str]]:
        from rich.markup import escape

        total = f"{size(self.total_bytes)} in total"
        mean = f"{size(self.total_bytes / max(self.reporting, 1))} per node"
        rows = [
            ("run", escape(self.heading)),
            ("data set", read_dataset(self.log_dir)),
            ("rounds", f"{self.slowest} of {self.iterations}{self._why_ended()}"),
            ("time", duration(self.seconds)),
            ("slowest", str(self.waits.overall() or "")),
            ("churn", self.churn.overall(self.finished)),
            ("byzantine", self._byzantine()),
            ("accuracy", self._accuracy(with_std=True)),
            ("spread", self._spread_of_many()),
            ("mean model", self._mean_model(newest_final(self.log_dir)[1])),
            ("loss", self._losses("   ")),
            ("sent", f"{mean}   {total}"),
            ("of that", self._kinds()),
        ]
        return [(label, text) for label, text in rows if text]

    def _byzantine(self) -> str:
        ranks = ", ".join(map(str, sorted(self.byzantine)))
        few = "" if len(self.byzantine) > MANY else f" (node {ranks})"
        left_out = f"{len(self.byzantine)}{few}, left out of what follows"
        return left_out if self.byzantine else ""

    def _why_ended(self) -> str:
        mean = self.stopped_at
        return "" if mean is None else f": the target was reached, {mean:.1f}%"

    def _starting(self) -> str:
        """Return how many nodes have passed the start barrier, until all have."""
        learners = [rank for rank in self.ranks if rank >= 0]
        begun = sum(rank in self.begun for rank in learners)
        return f"{begun} of {len(learners)} nodes" if begun < len(learners) else ""

    def _trend(self) -> str:
        """Return the mean accuracies before the newest, as far as the line holds them."""
        means = [f"{mean:.1f}" for _, mean in self.evaluations.earlier]
        if not means:
            return ""
        return f"{'   '.join(means)}   since round {self.evaluations.earlier[0][0]}"

    def _row(self, rank: int, accuracy: float) -> str:
        return f"node {rank}   {accuracy:.1f}%   round {self.finished[rank]}"

    def _mean_model(self, metrics: Mapping[str, Any]) -> str:
        return "   ".join(
            text.format(metrics[name])
            for name, text in _OF_MEAN_MODEL.items()
            if name in metrics
        )

    def _spread_of_many(self) -> str:
        seen = self.accuracy
        if not seen or seen.nodes <= MANY or not seen.deciles:
            return ""
        low, high = _ends(seen)
        shown = (("p10", 0), ("p50", 4), ("p90", 8))
        percentiles = [f"{name} {seen.deciles[at]:.1f}" for name, at in shown]
        return "   ".join([low, *percentiles, high])

    def _losses(self, between: str) -> str:
        kinds = (("train", self.train_loss), ("test", self.test_loss))
        return between.join(f"{kind} {seen.mean:#.4g}" for kind, seen in kinds if seen)

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


def _ends(seen: Spread) -> tuple[str, str]:
    return f"min {seen.low:.1f} (node {seen.lowest})", f"max {seen.high:.1f}"


def _range(seen: Spread, of: str) -> str:
    span = f"{seen.low:.1f} to {seen.high:.1f}"
    nodes = f", {seen.nodes}{of} nodes" if of else ""
    return f"{seen.mean:.1f}% ({span}) in round {seen.round}{nodes}"


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
