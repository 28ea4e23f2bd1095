"""Copies files between machines in bounded pieces, which arrive whole or not at all."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from decentralizepy.checkpoints import FOLDER as CHECKPOINTS
from decentralizepy.errors import PeerError, printable
from decentralizepy.results.write import MODELS

PIECE = 1 << 18  # bytes
DEEPEST, LONGEST = 16, 200  # of a name: parts, and characters in each
LEFT = {CHECKPOINTS, MODELS}
"""Folders that stay where they are: a machine resumes from its own checkpoints."""


class Piece(NamedTuple):
    """A part of a file.

    Attributes
    ----------
    name : str
        Of the file, relative to its folder, with slashes.
    offset : int
        Where the part begins, in bytes.
    data : bytes
    last : bool
        Whether the file is complete with it.
    """

    name: str
    offset: int
    data: bytes
    last: bool


def listed(folder: Path) -> list[str]:
    """Return the names of a run's files in ``folder``, without hidden ones."""
    names = []
    for top, folders, files in os.walk(folder):
        folders[:] = sorted(each for each in folders if _is_shown(each))
        inside = Path(top).relative_to(folder)
        names += [(inside / each).as_posix() for each in sorted(files)]
    return [name for name in names if _is_shown(Path(name).name)]


def _is_shown(name: str) -> bool:
    return not name.startswith(".") and name not in LEFT


def pieces(folder: Path, names: Iterable[str], size: int = PIECE) -> Iterator[Piece]:
    """Yield the content of files in parts of at most ``size`` bytes."""
    for name in names:
        with (folder / name).open("rb") as file:
            offset, data = 0, file.read(size)
            while following := file.read(size):
                yield Piece(name, offset, data, last=False)
                offset, data = offset + len(data), following
            yield Piece(name, offset, data, last=True)


class Inbox:
    """A folder that receives the files of another machine.

    Parameters
    ----------
    folder : Path
        Nothing outside of it is written to, whatever the other machine says.
    hidden : bool, default False
        Whether it takes hidden files, too.
    """

    def __init__(self, folder: Path, hidden: bool = False) -> None:
        self.folder, self._hidden = folder, hidden
        self._came: set[Path] = set()

    def take(self, piece: Piece) -> None:
        """Add a part of a file, which appears under its name once it is whole.

        Raises
        ------
        PeerError
            If the name leads out of the folder, or the part does not continue the file.
        """
        path = self._path(piece.name)
        part = path.with_name(f".{path.name}.part")
        _extend(part, piece)
        if piece.last:
            os.replace(part, path)
            self._came.add(path)

    def append(self, piece: Piece) -> None:
        """Add a part to a file that grows, and can be read meanwhile.

        The file starts over with a part whose offset is 0. Errors as for :meth:`take`.
        """
        _extend(self._path(piece.name), piece)

    def remove_others(self) -> None:
        """Remove the files that were there before and have not come."""
        for path in self.folder.rglob("*"):
            if path.is_file() and path not in self._came:
                path.unlink()

    def _path(self, name: str) -> Path:
        parts = name.split("/")
        allowed = self._hidden or not any(part.startswith(".") for part in parts)
        if not allowed or len(parts) > DEEPEST or not all(map(_is_name, parts)):
            raise PeerError(f"another machine sent a file called {printable(name)!r}")
        path = self.folder.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def _is_name(part: str) -> bool:
    plain = part.isprintable() and not {"/", "\\", "\0"} & {*part}
    return plain and len(part) <= LONGEST and part not in ("", ".", "..")


def _extend(path: Path, piece: Piece) -> None:
    with path.open("ab" if piece.offset else "wb") as file:
        if file.tell() != piece.offset:
            told = f"byte {piece.offset} after {file.tell()}"
            raise PeerError(f"{path.name}: another machine sent {told}")
        file.write(piece.data)
