"""An INI file as a dictionary of sections with typed values."""

import configparser
import io
import os
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeAlias

from decentralizepy.errors import ConfigError

Value: TypeAlias = int | float | bool | str | None
Section: TypeAlias = dict[str, Value]

_WORDS: dict[str, Value] = {
    **dict.fromkeys(("true", "yes", "on"), True),
    **dict.fromkeys(("false", "no", "off"), False),
    "none": None,
}


def typed(text: str) -> Value:
    """Return what a value of an INI file means.

    The first that fits: a decimal number (``080`` and ``1_000`` are fine), a whole
    number with a prefix (``0x10``), a float, ``true/yes/on`` or ``false/no/off``,
    ``none`` (words in any case), else the text itself, with its quotes.
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
    are comments, and so is the rest of a line after a blank and ``;``. A ``%`` is just
    that, and ``[DEFAULT]`` is a section like others.

    Raises
    ------
    ConfigError
        If the file is not there or is no INI file; each line has the file, and the
        line or the section and key.
    """
    parser = configparser.ConfigParser(
        default_section="", inline_comment_prefixes=(";",), interpolation=None
    )
    try:
        parser.read_file(io.StringIO(_text(path), newline=None))
    except configparser.Error as error:
        lines = (f"{path}{cause}" for cause in _causes(error))
        raise ConfigError("\n".join(lines)) from error
    return {
        section: {key: typed(text) for key, text in parser.items(section)}
        for section in parser.sections()
    }


def override(config: dict[str, Section], assignments: Iterable[str]) -> None:
    """Set ``SECTION.key=value`` in ``config``, as ``--set`` gives them.

    Raises
    ------
    ConfigError
        If an assignment has another form.
    """
    for assignment in assignments:
        place, equals, text = assignment.partition("=")
        section, dot, key = place.strip().partition(".")
        if not (equals and dot and section and key):
            raise ConfigError(f"--set {assignment}: expected SECTION.key=value")
        config.setdefault(section, {})[key.strip().lower()] = typed(text.strip())


def _text(path: str | os.PathLike[str]) -> str:
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError as error:
        where = Path(path).absolute()
        raise ConfigError(f"{path}: no such file ({where})") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}, line {line}: not text in UTF-8") from error


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
