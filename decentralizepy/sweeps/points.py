"""The points of a sweep: which values each sets, and what its folder is called."""

import csv
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from decentralizepy.config.assignments import Assignment, parsed
from decentralizepy.errors import ConfigError

MAX_NAME = 120  # bytes; a file system allows 255
_APART = re.compile(r"[^\w.=+-]+")


class Point(NamedTuple):
    """One run of a sweep: its name, and the values that it sets.

    ``group`` is the name without the seed: points that only differ in their seed share it.
    """

    name: str
    settings: tuple[Assignment, ...]
    group: str = ""
    seed: int | None = None

    def seeded(self, seed: int, keys: Iterable[Assignment]) -> "Point":
        """Return the point with a seed, which ``keys`` set."""
        name = ",".join(filter(None, (self.name, f"seed={seed}")))
        return Point(name, (*self.settings, *keys), self.name, seed)


def axes(texts: Iterable[str]) -> list[list[Assignment]]:
    """Return the values of each ``SECTION.key=v1,v2``; a comma in brackets is no end.

    Raises
    ------
    ConfigError
        If a key or one of its values is given twice.
    """
    found: dict[tuple[str, str], list[Assignment]] = {}
    for text in texts:
        whole = parsed(text)
        if whole[:2] in found:
            raise ConfigError(f"--set {whole.section}.{whole.key}: given twice")
        values = [whole._replace(text=value) for value in split(whole.text)]
        counts = Counter(repr(each.value) for each in values)
        for each in values:
            if counts[repr(each.value)] > 1:
                raise ConfigError(f"--set {text}: {each.text} is given twice")
        found[whole[:2]] = values
    return [*found.values()]


def split(text: str) -> list[str]:
    """Return the values in ``text``, separated by commas outside of brackets."""
    values, depth = [""], 0
    for character in text:
        depth += (character in "[(") - (character in "])")
        if character == "," and depth <= 0:
            values.append("")
        else:
            values[-1] += character
    return [value.strip() for value in values]


def seeds(text: str) -> list[int]:
    """Return the seeds of ``1..5``, ``1,2,7`` or both.

    Raises
    ------
    ConfigError
        If it has another form, or a seed occurs twice.
    """
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:\.\.(\d+))?\s*", part)
        if not match or int(match[1]) > int(match[2] or match[1]):
            raise ConfigError(f"--seeds {text}: expected 1..5 or 1,2,7")
        found += range(int(match[1]), int(match[2] or match[1]) + 1)
    if len(set(found)) < len(found):
        raise ConfigError(f"--seeds {text}: a seed is given twice")
    return found


def rows(path: str) -> list[Point]:
    """Return the points of a CSV file: ``SECTION.key`` columns, one point per line.

    A column ``name`` names the points; an empty cell leaves the value to the INI file.

    Raises
    ------
    ConfigError
        If the file cannot be read, or is not such a table.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True, strict=True)
            columns = [name.strip() for name in reader.fieldnames or ()]
            lines = [(reader.line_num, line) for line in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"--points {path}: cannot be read: {error}") from None
    if not lines:
        raise ConfigError(f"--points {path}: no points; expected a header, and a line")
    for name in columns:
        if name != "name":
            _check_column(path, name)
    return [_row(path, number, line) for number, line in lines]


def _check_column(path: str, name: str) -> None:
    if not re.fullmatch(r"\w+\.\w+", name):
        cause = f"column {name!r}; expected SECTION.key, or name"
        raise ConfigError(f"--points {path}: {cause}")


def _row(path: str, number: int, line: dict[str, str | None]) -> Point:
    cells = {str(key).strip(): value for key, value in line.items()}
    if None in line or None in line.values():
        raise ConfigError(
            f"--points {path}, line {number}: not as many cells as columns"
        )
    name = (cells.pop("name", "") or "").strip()
    texts = [f"{key}={value}" for key, value in cells.items() if (value or "").strip()]
    return Point(name, tuple(parsed(text) for text in texts))


def crossed(tables: Sequence[Sequence[Point]]) -> list[Point]:
    """Return a point for each combination of one point from each table.

    Raises
    ------
    ConfigError
        If two tables have a column in common.
    """
    for one, other in itertools.combinations(map(_keys, tables), 2):
        if both := sorted(one & other):
            section, key = both[0]
            raise ConfigError(f"{section}.{key}: a column of two files of --points")
    found = []
    for chosen in itertools.product(*tables):
        names = [each.name for each in chosen]
        settings = (each.settings for each in chosen)
        name = ",".join(names) if all(names) else ""
        found.append(Point(name, tuple(itertools.chain.from_iterable(settings))))
    return found


def _keys(table: Iterable[Point]) -> set[tuple[str, str]]:
    return {each[:2] for point in table for each in point.settings}


def grid(varied: Sequence[Sequence[Assignment]], given: Sequence[Point]) -> list[Point]:
    """Return a point for each combination of values, and of the points ``given``.

    Raises
    ------
    ConfigError
        If a key is in both, or two points have the same name.
    """
    _check_apart(varied, given)
    several = {values[0][:2] for values in varied if len(values) > 1}
    keys = [values[0] for values in varied if values[0][:2] in several]
    keys += [each for point in given if not point.name for each in point.settings]
    short = _short(keys)
    found = []
    for base in given or [Point("", ())]:
        for chosen in itertools.product(*varied):
            parts = (
                [base.name] if base.name else [_part(p, short) for p in base.settings]
            )
            parts += [_part(each, short) for each in chosen if each[:2] in several]
            settings = (*base.settings, *chosen)
            found.append(Point(_name(parts, settings), settings))
    counts = Counter(point.name for point in found)
    if twice := [name for name, count in counts.items() if count > 1]:
        raise ConfigError(f"two points are called {twice[0] or 'the same'}")
    return found


def _check_apart(
    varied: Sequence[Sequence[Assignment]], given: Sequence[Point]
) -> None:
    fixed = {values[0][:2] for values in varied}
    for section, key in sorted(_keys(given) & fixed):
        raise ConfigError(f"{section}.{key}: a column of --points, and given by --set")


def _short(keys: Sequence[Assignment]) -> dict[tuple[str, str], str]:
    """Return how keys are called in names: without the section, if that is unique."""
    places = {each[:2] for each in keys}
    counts = Counter(key for _, key in places)
    return {
        (section, key): key if counts[key] == 1 else f"{section}.{key}"
        for section, key in places
    }


def _part(each: Assignment, short: dict[tuple[str, str], str]) -> str:
    """Return how a value appears in a name: a class by its own, a package not at all."""
    if each.key.endswith("_package"):
        return ""
    if each.key.endswith("_class"):
        return each.text
    return f"{short[each[:2]]}={each.text}"


def _name(parts: Sequence[str], settings: Sequence[Assignment]) -> str:
    """Return the name of a folder, with a digest if it does not tell everything."""
    whole = ",".join(filter(None, parts))
    name = ",".join(_APART.sub("-", part) for part in whole.split(","))
    if name == whole and len(name.encode()) <= MAX_NAME:
        return name
    digest = sha256("\n".join(map(str, settings)).encode()).hexdigest()[:6]
    return f"{name.encode()[:MAX_NAME].decode(errors='ignore')}~{digest}"
