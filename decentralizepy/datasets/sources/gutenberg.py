"""Shakespeare's plays from Project Gutenberg, converted to LEAF's format."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from decentralizepy.errors import DataError
from decentralizepy.files import write_atomic

WINDOW = 80
PARTS = ("train", "test")
_DIRECTION = re.compile(r"[\[{][^\[\]{}]*[\]}]")
_UNCLOSED = re.compile(r"\[.*?(?=\n\n|\Z)", re.S)
_STRAY = re.compile(r"[\[\]{}@_]")
_HEADING = re.compile(
    r"(?:ACT|SCENE|(?:THE )?PROLOGUE|INDUCTION|EPILOGUE|(?:Act|Scene) [IVX1-9]+)\b"
)
_BEGIN = re.compile(r"^(?:ACT|(?:THE )?PROLOGUE|INDUCTION|Act [I1])\b", re.M)
_END = re.compile(r"^(?:THE END|\*\*\*? ?END OF)\b", re.M)
# a play names roles either all in capitals (FIRST LORD.) or all in mixed case (Ham.)
_ROLES = (
    re.compile(r"(?![IVX]+\.?$)(?:\d\.? )?[A-Z][A-Z.,'& -]+(?:and [A-Z.,' -]+)?"),
    re.compile(r"(?=.*[a-z])(?:\d )?[A-Z][A-Za-z. ]{1,30}\."),
)


def write(
    texts: Path,
    directory: Path,
    train_stride: int = 20,
    test_stride: int = 8,
    train_share: float = 0.8,
) -> None:
    """Write ``train/PLAY.json`` and ``test/PLAY.json`` into ``directory``.

    The source is the folder ``shksprdata/texts`` of the package ``shakespeare`` 0.6, with
    one file ``*_gut.txt`` per work. Poems, which have no roles, are skipped. A user is a
    role in a play, such as ``HAMLET_HOR``. Its lines are joined; a sample is 80
    characters and the one that follows. Training samples come from the first part of
    each role's text and test samples from the rest, so that no character is in both.
    Roles with too little text for that are skipped.

    Parameters
    ----------
    texts, directory : Path
    train_stride, test_stride : int, default 20 and 8
        Characters between the starts of consecutive samples. LEAF's stride of 1 gives
        370 MB of nearly identical samples, these give 23 MB.
    train_share : float, default 0.8

    Raises
    ------
    DataError
        If there are no plays in ``texts``.
    """
    found = False
    for path in sorted(texts.glob("*_gut.txt")):  # _gut_f.txt are the First Folio's
        play = path.name.removesuffix("_gut.txt").upper()
        users = {
            f"{play}_{role}": _split(text, train_share)
            for role, text in speeches(path.read_text("latin-1")).items()
        }
        users = {user: parts for user, parts in users.items() if _long(parts)}
        if users:
            found = True
            for number, stride in enumerate((train_stride, test_stride)):
                said = {user: parts[number] for user, parts in users.items()}
                _write(directory / PARTS[number] / f"{play}.json", said, stride)
    if not found:
        raise DataError(f"{texts}: contains no plays (*_gut.txt)")


def speeches(text: str) -> dict[str, str]:
    """Return the text of each role in a play as one line, without stage directions."""
    said: dict[str, list[str]] = defaultdict(list)
    for role, words in _speeches(_body(text)):
        said[role].append(words)
    return {role: " ".join(" ".join(parts).split()) for role, parts in said.items()}


def _body(text: str) -> str:
    """Return a play from its first act onwards, without stage directions."""
    begin, end = _BEGIN.search(text), _END.search(text)
    if not begin:
        return ""
    text = text[begin.start() : end.start() if end else None]
    for _ in range(2):  # twice, as some are nested
        text = _DIRECTION.sub("", text)
    return _STRAY.sub("", _UNCLOSED.sub("", text))


def _speeches(text: str) -> Iterator[tuple[str, str]]:
    """Yield (role, line) for each spoken line."""
    lines = [line.rstrip() for line in text.splitlines()]
    names = max((_names(lines, kind) for kind in _ROLES), key=len)
    role = ""
    for number, line in enumerate(lines):
        if number in names:
            role = re.sub("[^A-Z0-9]+", "_", line.upper()).strip("_")
        elif _HEADING.match(line):
            role = ""
        elif role:
            yield role, line


def _names(lines: list[str], kind: re.Pattern[str]) -> set[int]:
    """Return the numbers of the lines that name a speaker, which follow a blank line."""
    return {
        number
        for number, line in enumerate(lines)
        if number
        and not lines[number - 1]
        and kind.fullmatch(line)
        and not _HEADING.match(line)
    }


def _split(text: str, train_share: float) -> tuple[str, str]:
    cut = round(len(text) * train_share)
    return text[:cut], text[cut:]


def _long(parts: tuple[str, str]) -> bool:
    return min(map(len, parts)) > WINDOW


def _write(path: Path, texts: dict[str, str], stride: int) -> None:
    """Write the samples of the users' texts in LEAF's JSON format."""
    users = {user: _samples(text, stride) for user, text in texts.items()}
    content = {
        "users": list(users),
        "num_samples": [len(samples["y"]) for samples in users.values()],
        "user_data": users,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, json.dumps(content))


def _samples(text: str, stride: int) -> dict[str, list[str]]:
    starts = range(0, len(text) - WINDOW, stride)
    return {
        "x": [text[start : start + WINDOW] for start in starts],
        "y": [text[start + WINDOW] for start in starts],
    }
