"""Writing of stand-ins: folders marked as generated, and files in LEAF's format."""

import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from decentralizepy.datasets.generated import is_generated, mark
from decentralizepy.errors import DataError

Samples = tuple[list[Any], list[Any]]  # a user's x and y

TRAIN_SHARE = 0.8


@contextmanager
def folders(directory: Path, names: Iterable[str], seed: int) -> Iterator[list[Path]]:
    """Yield an empty folder for each of ``names``; move them to ``directory`` at the end.

    They are marked as generated, and replace existing folders that are marked. If the
    body fails, nothing is left behind.

    Raises
    ------
    DataError
        If one exists and is not marked, because it may be real data.
    """
    places = [directory / name for name in names]
    for place in places:
        if place.exists() and not is_generated(place):
            raise DataError(
                f"{place}: already exists and is not marked as generated; not replaced"
            )
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".", dir=directory) as temporary:
        fresh = [Path(temporary, str(number)) for number in range(len(places))]
        for folder in fresh:
            folder.mkdir()
        yield fresh
        for folder, place in zip(fresh, places, strict=True):
            mark(folder, seed)
            place.parent.mkdir(parents=True, exist_ok=True)
            if place.exists():
                shutil.rmtree(place)
            folder.rename(place)


def write_parts(
    train: Path, test: Path, users: Mapping[str, Samples], per_file: int
) -> None:
    """Write the first four fifths of each user's samples to ``train``, the rest to ``test``."""
    first, rest = {}, {}
    for name, (x, y) in users.items():
        cut = round(TRAIN_SHARE * len(y))
        first[name], rest[name] = (x[:cut], y[:cut]), (x[cut:], y[cut:])
    write_users(train, first, per_file)
    write_users(test, rest, per_file)


def write_users(folder: Path, users: Mapping[str, Samples], per_file: int) -> None:
    """Write JSON files in LEAF's format, with ``per_file`` users each."""
    names = list(users)
    for number, start in enumerate(range(0, len(names), per_file)):
        chosen = names[start : start + per_file]
        content = {
            "users": chosen,
            "num_samples": [len(users[name][1]) for name in chosen],
            "user_data": {
                name: dict(zip("xy", users[name], strict=True)) for name in chosen
            },
        }
        (folder / f"all_data_{number:03}.json").write_text(json.dumps(content))
