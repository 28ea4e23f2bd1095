"""Cache of LEAF's JSON files as arrays that all processes on a machine memory-map."""

import fcntl
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from decentralizepy.datasets.leaf.records import (
    Array,
    Codec,
    RecordError,
    encode_labels,
    json_files,
    read_encoded,
)
from decentralizepy.errors import DataError

__all__ = ["Array", "Codec", "RecordError", "Records", "encode_labels", "open_records"]

FORMAT = 2  # of the cache; incrementing it invalidates all caches
CACHE = ".decentralizepy"
_INDEX = "index.json"


class User(NamedTuple):
    """A user, the number of their file, and the range of their samples."""

    name: str
    file: int
    start: int
    stop: int


@dataclass(frozen=True)
class Records:
    """The samples of all users of a folder, on disk.

    Attributes
    ----------
    x, y : array of shape (n, ...)
        Memory-mapped: pages are read when used, and shared between processes.
    users : list of User
        Ordered by file name, then as in the file.
    files : list of str
    """

    x: Array
    y: Array
    users: list[User]
    files: list[str]


def open_records(directory: str, codec: Codec) -> Records:
    """Memory-map the samples in the JSON files of ``directory``, encoded by ``codec``.

    The cache is created on first use and whenever a file has changed: in its subfolder
    ``.decentralizepy`` or, if that is not writable, in ``XDG_CACHE_HOME``. While one
    process creates it, others wait.

    Raises
    ------
    DataError
        If there is no file, or one is damaged; names its file, user and record.
    """
    folder = Path(directory)
    files = json_files(folder) if folder.is_dir() else []
    if not files:
        raise DataError("not a folder with LEAF's *.json files", file=directory)
    key = _key(files, codec)
    places = [place / f"{codec.name}-{key}" for place in _places(folder)]
    made = next(filter(_made, places), None)
    return _open(made or _fill(places, files, codec))


def _key(files: Sequence[Path], codec: Codec) -> str:
    """Return a name that changes when a file or its encoding changes."""
    names = [path.name for path in files] + [str(s.resolve()) for s in codec.sources]
    try:
        stats = [path.stat() for path in (*files, *codec.sources)]
    except OSError as error:
        raise DataError(
            f"cannot be read: {error.strerror}", file=error.filename
        ) from error
    stamps = [
        [name, stat.st_size, stat.st_mtime_ns]
        for name, stat in zip(names, stats, strict=True)
    ]
    content = json.dumps([FORMAT, codec.version, stamps])
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _places(folder: Path) -> list[Path]:
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = folder.resolve()
    name = str(folder).strip("/").replace("/", "-")
    return [folder / CACHE, Path(home, "decentralizepy", name)]


def _made(place: Path) -> bool:
    return (place / _INDEX).is_file()


def _fill(places: Sequence[Path], files: Sequence[Path], codec: Codec) -> Path:
    """Create the cache in the first writable place; return that place."""
    for place in places:
        try:
            lock = _lock(place.parent)
        except OSError:
            continue
        with lock:
            if not _made(place):
                _make(place, files, codec)
        return place
    raise DataError(
        "cannot write its cache there or in "
        f"{places[-1].parent}; set XDG_CACHE_HOME to a writable folder",
        file=str(files[0].parent),
    )


def _lock(folder: Path) -> IO[bytes]:
    """Lock ``folder`` until the returned file is closed."""
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / "lock").open("wb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"waiting for another process to fill {folder}", file=sys.stderr)
        fcntl.flock(file, fcntl.LOCK_EX)
    return file


@lru_cache(maxsize=8)  # a forked node reuses its launcher's
def _open(place: Path) -> Records:
    index = json.loads((place / _INDEX).read_text())
    # copy-on-write: torch warns about tensors on read-only arrays
    x, y = (
        np.asarray(np.memmap(place / name, np.dtype(dtype), "c", shape=tuple(shape)))
        for name, dtype, shape in index["arrays"]
    )
    users = [User(*user) for user in index["users"]]
    return Records(x, y, users, index["files"])


def _make(place: Path, files: Sequence[Path], codec: Codec) -> None:
    """Write a cache next to ``place``, then rename it."""
    for old in place.parent.glob(f"{codec.name}-*"):
        shutil.rmtree(old, ignore_errors=True)  # outdated; existing maps stay valid
    part = place.with_name(f"{place.name}.part")
    try:
        part.mkdir()
        _write(part, files, codec)
        part.rename(place)
    except OSError as error:
        raise DataError(
            f"cannot be written: {error.strerror}", file=str(place)
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _write(folder: Path, files: Sequence[Path], codec: Codec) -> None:
    users: list[User] = []
    kinds: list[tuple[str, tuple[int, ...]]] = []
    with _durable(folder / "x") as xs, _durable(folder / "y") as ys:
        for name, number, x, y in read_encoded(files, codec):
            start = users[-1].stop if users else 0
            users.append(User(name, number, start, start + len(y)))
            kinds = kinds or [(array.dtype.str, array.shape[1:]) for array in (x, y)]
            xs.write(np.ascontiguousarray(x).data)
            ys.write(np.ascontiguousarray(y).data)
    count = users[-1].stop if users else 0
    if not count:
        raise DataError(
            f"no samples in its {len(files)} files", file=str(files[0].parent)
        )
    arrays = [
        (name, dtype, (count, *shape))
        for name, (dtype, shape) in zip("xy", kinds, strict=True)
    ]
    names = [path.name for path in files]
    index = {"arrays": arrays, "users": users, "files": names}
    with _durable(folder / _INDEX) as file:
        file.write(json.dumps(index).encode())


@contextmanager
def _durable(path: Path) -> Iterator[IO[bytes]]:
    """Open a new file, and sync it to disk at the end."""
    with path.open("xb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
