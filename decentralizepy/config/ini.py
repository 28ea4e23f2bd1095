"""Reads and writes INI files as dictionaries of sections with typed values."""

import configparser
import io
import os
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from decentralizepy.config.places import PATHS, beside, examples
from decentralizepy.errors import ConfigError, Problem, did_you_mean, shown

Value: TypeAlias = int | float | bool | str | None
Section: TypeAlias = dict[str, Value]

_WORDS: dict[str, Value] = {
    **dict.fromkeys(("true", "yes", "on"), True),
    **dict.fromkeys(("false", "no", "off"), False),
    "none": None,
}


def typed(text: str) -> Value:
    """Convert the text of a value in an INI file.

    The first that matches: a decimal integer (``080`` and ``1_000`` are valid), an
    integer with a prefix (``0x10``), a float, ``true/yes/on`` or ``false/no/off``, or
    ``none`` (all in any case); otherwise the text itself, including any quotes.
    """
    readings: tuple[Callable[[str], int | float], ...]
    readings = (int, lambda digits: int(digits, 0), float)
    for reading in readings:
        try:
            return reading(text)
        except ValueError:
            continue
    return _WORDS.get(text.lower(), text)


def read(path: str | os.PathLike[str]) -> dict[str, Section]:
    """Return ``{section: {key: value}}`` of an INI file in UTF-8.

    Keys are lower-cased, sections keep their case. Lines that begin with ``;`` or ``#``
    are comments, and so is the rest of a line after a space and ``;``. ``%`` has no
    special meaning, and ``[DEFAULT]`` is an ordinary section. ``~`` and ``$HOME`` are
    expanded in paths, and one that is not in the working directory but beside the INI
    file is the latter.

    Raises
    ------
    ConfigError
        If the file does not exist or is not a valid INI file; each line of the message
        names the file, and the line or the section and key.
    """
    return {
        section: {key: _found(path, key, value) for key, value in items.items()}
        for section, items in as_written(path).items()
    }


def as_written(path: str | os.PathLike[str]) -> dict[str, Section]:
    """Return what :func:`read` does, but paths beside the INI file as it has them."""
    parser = configparser.ConfigParser(
        default_section="", inline_comment_prefixes=(";",), interpolation=None
    )
    text = _text(path)
    try:
        parser.read_file(io.StringIO(text, newline=None))
    except configparser.Error as error:
        lines = (f"{path}{cause}" for cause in _causes(error))
        raise ConfigError("\n".join(lines)) from error
    config = {section: dict(parser.items(section)) for section in parser.sections()}
    _refuse_swallowed(path, text, config)
    return {
        section: {key: value_of(key, text) for key, text in items.items()}
        for section, items in config.items()
    }


def _found(path: str | os.PathLike[str], key: str, value: Value) -> Value:
    return beside(path, key, value)  # type: ignore[return-value]


def value_of(key: str, text: str) -> Value:
    """Convert the text of a key like :func:`typed`, and expand ``~`` and ``$HOME``.

    These are expanded in keys that end in ``dir``, ``path`` or ``file``.
    """
    value = typed(text)
    paths = isinstance(value, str) and key.lower().endswith(PATHS)
    return expanded(value) if paths else value  # type: ignore[arg-type]


def expanded(path: str) -> str:
    """Return a path with ``~`` and ``$NAME`` expanded as in a shell."""
    return os.path.expanduser(os.path.expandvars(path))


def render(config: Mapping[str, Section]) -> str:
    """Return sections as the text of an INI file, which reads back unchanged."""
    lines: list[str] = []
    for section, items in config.items():
        lines.append(f"[{section}]")
        lines += [f"{key} = {_written(value)}" for key, value in items.items()]
    return "\n".join([*lines, ""])


def _written(value: Value) -> str:
    text = shown(value) if value is None or isinstance(value, bool) else str(value)
    return text.replace("\n", "\n  ")


def _text(path: str | os.PathLike[str]) -> str:
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError as error:
        where = Path(path).absolute()
        hint = did_you_mean(str(path), examples(), "the example {}")
        raise ConfigError(f"{path}: no such file ({where}){hint}") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}, line {line}: not text in UTF-8") from error


def _refuse_swallowed(
    path: str | os.PathLike[str], text: str, config: Mapping[str, Mapping[str, str]]
) -> None:
    """Raise a ConfigError for indented lines, which continue the value before them.

    Only the lines of a list in brackets may be indented.
    """
    problems = [
        Problem(
            f"indented, so it belongs to the value of {key} before it; expected "
            "key = value at the start of a line",
            file=str(path),
            line=_line_of(text, section, swallowed),
        )
        for section, items in config.items()
        for key, value in items.items()
        for swallowed in _swallowed(value)
    ]
    if problems:
        raise ConfigError(problems=problems)


def _swallowed(value: str) -> Iterator[str]:
    """Yield the continuation lines of a value that are not inside brackets."""
    before = ""
    for line in value.split("\n"):
        closed = sum(map(before.count, "[(")) <= sum(map(before.count, "])"))
        if before and line and closed:
            yield line
        before += line or " "


def _line_of(text: str, section: str, swallowed: str) -> int:
    """Return the number of an indented line of a section."""
    inside = False
    for number, line in enumerate(io.StringIO(text, newline=None), 1):
        if line.startswith("["):
            inside = line.startswith(f"[{section}]")
        elif inside and line[0].isspace() and line.strip().startswith(swallowed):
            return number
    return 0


def _causes(error: configparser.Error) -> list[str]:
    match error:
        case configparser.DuplicateSectionError(section=section, lineno=line):
            return [f", line {line}: a second section [{section}]"]
        case configparser.DuplicateOptionError(section=section, option=key):
            return [f", line {error.lineno}: [{section}] {key}: given twice"]
        case configparser.MissingSectionHeaderError(line=text, lineno=line):
            return [f", line {line}: {_short(text)}: expected a [SECTION] first"]
        case configparser.ParsingError(errors=errors):
            return [_no_value(line, quoted) for line, quoted in errors]
    return [f": {_short(error.message)}"]


def _no_value(line: int, quoted: str) -> str:
    text = quoted[1:-1].removesuffix("\\n")
    return f", line {line}: {_short(text)}: expected key = value"


def _short(text: str) -> str:
    return textwrap.shorten(text, 60, placeholder="...")
