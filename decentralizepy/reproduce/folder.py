"""The folder of a reproduced study: what is run in it, and what came out."""

from __future__ import annotations

import csv
import io
import math
import shlex
import shutil
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from decentralizepy.commands.compare import text_table, written
from decentralizepy.errors import ConfigError
from decentralizepy.files import write_atomic
from decentralizepy.reproduce import figure
from decentralizepy.reproduce.judge import RULE, Verdict
from decentralizepy.reproduce.leaks import audited
from decentralizepy.reproduce.measures import LEAKS, MEASURES
from decentralizepy.reproduce.study import BASE, Study
from decentralizepy.results.methods import Found, Method, find_runs
from decentralizepy.results.statistics import compare

CONFIG, POINTS, RUNS = "config.ini", "points.csv", "runs"
COLUMNS = ("seeds", "final", "worst", "mean_model", "sent")


def prepare(study: Study, folder: Path) -> None:
    """Write the INI file and the points of the sweep.

    Raises
    ------
    ConfigError
        If the folder cannot be written.
    """
    rows = study.rows()
    columns = dict.fromkeys(key for row in rows for key in row)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(BASE, folder / CONFIG)
        write_atomic(folder / POINTS, _csv([*columns], rows))
    except OSError as error:
        raise ConfigError(f"--output {folder}: {error}") from None


def sweep_words(study: Study, folder: Path, seeds: str, rounds: int) -> list[str]:
    """Return the words after ``decentralizepy sweep`` that run a study."""
    grid = [word for values in study.grid for word in ("--set", values)]
    every = str(min(study.test_after, rounds))
    length = ["--iterations", str(rounds), "--test_after", every]
    points = ["--points", str(folder / POINTS), *grid, "--seeds", seeds]
    return [str(folder / CONFIG), *points, *length, "-o", str(folder / RUNS)]


def read_methods(study: Study, folder: Path, seeds: Collection[int]) -> list[Method]:
    """Return the methods of a study, with the runs of some seeds."""
    groups: dict[str, list[Found]] = {}
    attacked = any(claim.measure in LEAKS for claim in study.claims)
    for each in find_runs([folder / RUNS]):
        if each.seed in seeds:
            one = audited(each) if attacked else each
            groups.setdefault(each.name, []).append(one)
    return [
        Method(
            name,
            tuple(each.run for each in found),
            tuple(each.seed for each in found),
            found[0].home,
        )
        for name, found in groups.items()
    ]


def conclude(
    folder: Path,
    heading: str,
    commands: Sequence[Sequence[str]],
    methods: Sequence[Method],
    verdicts: Sequence[Verdict],
) -> str:
    """Write figures, tables and verdicts; return the text of the verdicts.

    Parameters
    ----------
    folder
    heading
        What was reproduced.
    commands
        The command lines that do the same again.
    methods, verdicts
    """
    again = "".join(f"  {shlex.join(words)}\n" for words in commands)
    text = f"{heading}\n{figure.what_was_run(methods)}\n\n{_lines(verdicts)}\n{RULE}\n"
    text += f"\nto repeat it, either of these:\n{again}"
    numbers = compare(methods)
    cells = text_table(numbers, COLUMNS, methods[0].label, None)
    write_atomic(folder / "table.md", written(cells, "markdown") + "\n")
    write_atomic(folder / "table.csv", numbers.to_csv(index=False))
    write_atomic(folder / "verdicts.txt", text)
    write_atomic(folder / "verdicts.csv", _csv(*_records(verdicts)))
    for form in ("png", "pdf"):
        drawn = figure.draw(heading, methods, verdicts, form)
        write_atomic(folder / f"figure.{form}", drawn)
    return text


def _lines(verdicts: Iterable[Verdict]) -> str:
    lines = [f"{each.word:14}  {each.claim.says}: {each.measured}" for each in verdicts]
    return "\n".join(lines) + "\n"


def _records(
    verdicts: Sequence[Verdict],
) -> tuple[list[str], list[dict[str, str]]]:
    """Return the columns and rows of the table of verdicts."""
    rows = [
        {
            "verdict": each.word,
            "claim": each.claim.says,
            "method": each.claim.method,
            "other": each.claim.other,
            "low": _number(each.claim.low),
            "high": _number(each.claim.high),
            "mean": _number(each.mean),
            "half": _number(each.half),
            "unit": MEASURES[each.claim.measure].unit,
            "seeds": " ".join(map(_number, each.values)),
        }
        for each in verdicts
    ]
    return [*rows[0]], rows


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"


def _csv(columns: Sequence[str], rows: Iterable[dict[str, str]]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()
