"""Reading and validating LEAF's JSON files, and converting them to arrays."""

from __future__ import annotations

import time
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from decentralizepy.errors import DataError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Array = npt.NDArray[Any]
User = tuple[str, dict[str, list[Any]]]  # a name, and the x and y of the samples

REDRAW_S = 0.1


class Codec(Protocol):
    """Conversion of a data set's records to arrays.

    Attributes
    ----------
    name : str
        Identifies the cache, together with ``version``.
    version : int
        To be incremented when ``encode`` changes.
    record, label : type
        Types of one x and one y in the JSON, for pydantic: ``list[float]``, ``str``.
    sources : sequence of Path
        Files or folders besides the JSON that the arrays depend on.
    """

    name: str
    version: int
    record: Any
    label: Any
    sources: Sequence[Path]

    def encode(self, x: list[Any], y: list[Any]) -> tuple[Array, Array]:
        """Return one user's samples and labels, of the same dtype and shape for all users.

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


class Encoded(NamedTuple):
    """One user: the name, the number of the file, samples and labels."""

    name: str
    file: int
    x: Array
    y: Array


def encode_labels(labels: Sequence[int], classes: int) -> Array:
    """Return the labels as int64; raise a RecordError if one is out of range."""
    for number, label in enumerate(labels):
        if not 0 <= label < classes:
            raise RecordError(number, f"label {label}: expected 0 to {classes - 1}")
    return np.array(labels, dtype=np.int64)


def read_encoded(files: Sequence[Path], codec: Codec) -> Iterator[Encoded]:
    """Yield the users of all files, and show progress on a terminal.

    Raises
    ------
    DataError
        If a record is invalid; names its file, user and record.
    """
    adapter = leaf_adapter(codec.record, codec.label)
    with _bar(files) as advance:
        for number, (path, users) in enumerate(read_files(files, adapter)):
            for name, data in users:
                yield Encoded(name, number, *_encode(path, name, data, codec))
                advance(path.stat().st_size / len(users))


def leaf_adapter(record: Any, label: Any) -> TypeAdapter[Any]:
    """Return a validator for files whose samples and labels have these types."""
    from pydantic import FailFast, TypeAdapter
    from typing_extensions import NotRequired, TypedDict

    class Samples(TypedDict):
        x: Annotated[list[record], FailFast()]
        y: Annotated[list[label], FailFast()]

    class Leaf(TypedDict):
        users: list[str]
        num_samples: NotRequired[list[int] | int]
        user_data: dict[str, Samples]

    return TypeAdapter(Leaf)


def json_files(folder: Path) -> list[Path]:
    """Return the ``*.json`` files of a folder by name, without hidden ones (``._a.json``)."""
    return sorted(
        path for path in folder.glob("*.json") if not path.name.startswith(".")
    )


def read_files(
    files: Sequence[Path], adapter: TypeAdapter[Any]
) -> Iterator[tuple[Path, list[User]]]:
    """Yield the users of each file.

    Raises
    ------
    DataError
        If a file is damaged, or two files contain the same user.
    """
    seen: dict[str, Path] = {}
    for path in files:
        users = read_users(path, adapter)
        for name, _ in users:
            if name in seen:
                raise DataError(f"user {name} is also in {seen[name]}", file=str(path))
            seen[name] = path
        yield path, users


def read_users(path: Path, adapter: TypeAdapter[Any]) -> list[User]:
    """Return the users of one file and their samples, in the order of the file.

    Raises
    ------
    DataError
        If the file is damaged.
    """
    from pydantic import ValidationError

    try:
        text = path.read_bytes().removeprefix(BOM_UTF8)
        content = adapter.validate_json(text, strict=True)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", file=str(path)) from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise DataError(
            f"{_place(first['loc'])}{first['msg']}", file=str(path)
        ) from None
    _check_users(path, content["users"], content["user_data"])
    _check_counts(path, content)
    return [(name, content["user_data"][name]) for name in content["users"]]


def _check_users(path: Path, listed: list[str], held: dict[str, Any]) -> None:
    """Raise a DataError unless ``users`` lists each user in ``user_data`` once."""
    for name, times in Counter(listed).items():
        if name not in held:
            raise DataError(
                f"user {name} is in `users` but not in `user_data`", file=str(path)
            )
        if times > 1:
            raise DataError(f"user {name} is {times} times in `users`", file=str(path))
    for name in held.keys() - set(listed):
        raise DataError(
            f"user {name} is in `user_data` but not in `users`", file=str(path)
        )


def _check_counts(path: Path, content: dict[str, Any]) -> None:
    """Raise a DataError if ``num_samples`` is wrong; for one user, it may be a number."""
    names, counts = content["users"], content.get("num_samples")
    if counts is None:
        return
    counts = [counts] if isinstance(counts, int) else counts
    if len(counts) != len(names):
        raise DataError(
            f"{len(names)} users, but {len(counts)} numbers in `num_samples`",
            file=str(path),
        )
    for name, count in zip(names, counts, strict=True):
        found = len(content["user_data"][name]["y"])
        if count != found:
            raise DataError(
                f"user {name}: {found} samples, but `num_samples` says {count}",
                file=str(path),
            )


def _encode(
    path: Path, name: str, data: dict[str, list[Any]], codec: Codec
) -> tuple[Array, Array]:
    x, y = data["x"], data["y"]
    if len(x) != len(y):
        raise DataError(
            f"user {name}: {len(x)} samples but {len(y)} labels", file=str(path)
        )
    try:
        return codec.encode(x, y)
    except RecordError as error:
        raise DataError(
            f"user {name}: record {error.number}: {error}", file=str(path)
        ) from error


def _place(loc: tuple[int | str, ...]) -> str:
    """Return where in a file an error is, in terms of users and records."""
    if loc[:1] == ("user_data",) and len(loc) > 3:
        _, user, part, record, *rest = loc
        inner = "".join(f"[{each}]" for each in rest)
        return f"user {user}: record {record}: {part}{inner}: "
    if loc[:1] == ("user_data",) and len(loc) > 1:
        loc = (f"user {loc[1]}", *loc[2:])
    return "".join(f"{each}: " for each in loc)


@contextmanager
def _bar(files: Sequence[Path]) -> Iterator[Callable[[float], None]]:
    """Yield a function that advances a progress bar by a number of bytes."""
    from rich.console import Console
    from rich.progress import Progress

    drawn = -REDRAW_S

    def advance(size: float) -> None:
        nonlocal drawn
        progress.advance(task, size)
        if time.monotonic() - drawn >= REDRAW_S:
            drawn = time.monotonic()
            progress.refresh()

    console = Console(stderr=True)
    with Progress(
        console=console,
        auto_refresh=False,  # a thread would not survive the fork that follows
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        total = sum(path.stat().st_size for path in files)
        task = progress.add_task(f"reading {files[0].parent}", total=total)
        advance(0)
        yield advance
