"""LEAF's JSON files turned, once, into arrays that every process of a machine maps."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from decentralizepy.errors import DataError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

FORMAT = 1  # of the cache; a new number makes all caches anew
CACHE = ".decentralizepy"
_INDEX = "index.json"

Array = npt.NDArray[Any]


class Codec(Protocol):
    """How one data set's records become arrays.

    Attributes
    ----------
    name : str
        With ``version``, which cache is whose.
    version : int
        To be counted up when ``encode`` changes.
    record, label : type
        Of one x and one y in the JSON, as pydantic checks them: ``list[float]``, ``str``.
    sources : sequence of Path
        Files or folders besides the JSON that the arrays depend on.
    """

    name: str
    version: int
    record: Any
    label: Any
    sources: Sequence[Path]

    def encode(self, x: list[Any], y: list[Any]) -> tuple[Array, Array]:
        """Return one user's samples and labels; of one dtype and shape for all users.

        Raises
        ------
        RecordError
            If a record cannot be encoded.
        """
        ...


class RecordError(ValueError):
    """A record that cannot be encoded: its number in the user's list, and why."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(reason)
        self.number = number


class User(NamedTuple):
    """Whose samples lie at ``start`` to ``stop``, and in which file they were."""

    name: str
    file: int
    start: int
    stop: int


@dataclass(frozen=True)
class Records:
    """The samples of all users of a folder, on the disk.

    Attributes
    ----------
    x, y : array of shape (n, ...)
        Mapped from a file: pages are read when they are used, and shared by processes.
    users : list of User
        In the order of the files' names, and of the users in each.
    files : list of str
    """

    x: Array
    y: Array
    users: list[User]
    files: list[str]


def open_records(directory: str, codec: Codec) -> Records:
    """Map what the JSON files of ``directory`` hold, encoded by ``codec``.

    The first time, and when a file has changed, the cache is made: in the folder
    ``.decentralizepy`` there or, if that cannot be written, below ``XDG_CACHE_HOME``.

    Raises
    ------
    DataError
        If there is no file, or one is damaged: in a line with file, user and record.
    """
    folder = Path(directory)
    files = sorted(folder.glob("*.json")) if folder.is_dir() else []
    if not files:
        raise DataError(f"{directory}: no folder of LEAF's *.json files")
    key = _key(files, codec)
    places = [place / f"{codec.name}-{key}" for place in _places(folder)]
    for place in places:
        if (place / _INDEX).is_file():
            return _open(place)
    home = next((p for p in places if _writable(p.parent)), None)
    if home is None:
        raise DataError(
            f"{directory}: its cache can be written neither there nor in "
            f"{places[-1].parent}: set XDG_CACHE_HOME to a folder that can"
        )
    _make(home, files, codec)
    return _open(home)


def _key(files: Sequence[Path], codec: Codec) -> str:
    """Return a name that changes when a file, or how it is read, does."""
    stamps = []
    for path in (*files, *codec.sources):
        stat = path.stat()
        stamps.append([path.name, stat.st_size, stat.st_mtime_ns])
    content = json.dumps([FORMAT, codec.version, stamps])
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _places(folder: Path) -> list[Path]:
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    name = str(folder.resolve()).strip("/").replace("/", "-")
    return [folder / CACHE, Path(home, "decentralizepy", name)]


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _open(place: Path) -> Records:
    index = json.loads((place / _INDEX).read_text())
    # private pages: a torch tensor over an array that cannot be written warns
    x, y = (
        np.memmap(place / name, np.dtype(dtype), "c", shape=tuple(shape))
        for name, dtype, shape in index["arrays"]
    )
    users = [User(*user) for user in index["users"]]
    return Records(x, y, users, index["files"])


def _make(home: Path, files: Sequence[Path], codec: Codec) -> None:
    """Write a cache beside ``home``, then give it its name; another may be first."""
    fresh = Path(tempfile.mkdtemp(prefix=".", dir=home.parent))
    try:
        _write(fresh, files, codec)
        fresh.chmod(0o755)
        for old in home.parent.glob(f"{codec.name}-*"):
            shutil.rmtree(old, ignore_errors=True)  # of other sources; maps stay valid
        if not home.exists():
            fresh.rename(home)
    except OSError as error:
        if not home.exists():
            raise DataError(f"{home}: cannot be written: {error.strerror}") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _write(folder: Path, files: Sequence[Path], codec: Codec) -> None:
    users: list[User] = []
    with (folder / "x").open("wb") as xs, (folder / "y").open("wb") as ys:
        kinds: list[list[Any]] = []
        for name, number, x, y in _encoded(files, codec):
            start = users[-1].stop if users else 0
            users.append(User(name, number, start, start + len(y)))
            kinds = kinds or [[a.dtype.str, a.shape[1:]] for a in (x, y)]
            for array, file in ((x, xs), (y, ys)):
                _append(array, file)
    if not users or not users[-1].stop:
        raise DataError(f"{files[0].parent}: no samples in its {len(files)} files")
    arrays = [
        [name, dtype, [users[-1].stop, *shape]]
        for name, (dtype, shape) in zip("xy", kinds, strict=True)
    ]
    names = [path.name for path in files]
    index = {"arrays": arrays, "users": users, "files": names}
    (folder / _INDEX).write_text(json.dumps(index))


def _append(array: Array, file: IO[bytes]) -> None:
    file.write(np.ascontiguousarray(array).data)


def _encoded(
    files: Sequence[Path], codec: Codec
) -> Iterator[tuple[str, int, Array, Array]]:
    """Yield (user, number of the file, x, y), and show how far it is."""
    from rich.console import Console
    from rich.progress import Progress

    adapter = _adapter(codec)
    console = Console(stderr=True)
    # refreshed by hand: a thread would not survive the fork that follows
    with Progress(console=console, auto_refresh=False, transient=True) as progress:
        task = progress.add_task(
            f"reading {files[0].parent}", total=sum(f.stat().st_size for f in files)
        )
        for number, path in enumerate(files):
            progress.refresh()
            for name, data in _users(path, adapter):
                yield (name, number, *_encode(path, name, data, codec))
            progress.advance(task, path.stat().st_size)


def _encode(
    path: Path, name: str, data: dict[str, list[Any]], codec: Codec
) -> tuple[Array, Array]:
    x, y = data["x"], data["y"]
    if len(x) != len(y):
        raise DataError(f"{path}: user {name}: {len(x)} samples but {len(y)} labels")
    try:
        return codec.encode(x, y)
    except RecordError as error:
        raise DataError(
            f"{path}: user {name}: record {error.number}: {error}"
        ) from error


def _adapter(codec: Codec) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter
    from typing_extensions import TypedDict

    class Samples(TypedDict):
        x: list[codec.record]  # type: ignore[name-defined]
        y: list[codec.label]  # type: ignore[name-defined]

    class Leaf(TypedDict):
        users: list[str]
        user_data: dict[str, Samples]

    return TypeAdapter(Leaf)


def _users(
    path: Path, adapter: TypeAdapter[Any]
) -> Iterator[tuple[str, dict[str, list[Any]]]]:
    """Yield the users of one file, in their order there, and what each holds."""
    from pydantic import ValidationError

    try:
        content = adapter.validate_json(path.read_bytes(), strict=True)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise DataError(f"{path}: {_place(first['loc'])}{first['msg']}") from None
    for name in content["users"]:
        if name not in content["user_data"]:
            raise DataError(f"{path}: user {name} is in `users`, not in `user_data`")
        yield name, content["user_data"][name]


def _place(loc: tuple[int | str, ...]) -> str:
    """Return where in a file something is wrong, as its user would say it."""
    if loc[:1] == ("user_data",) and len(loc) > 3:
        _, user, part, record, *rest = loc
        inner = "".join(f"[{each}]" for each in rest)
        return f"user {user}: record {record}: {part}{inner}: "
    return "".join(f"{each}: " for each in loc)
