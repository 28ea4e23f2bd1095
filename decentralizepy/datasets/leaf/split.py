"""Splitting of LEAF's files into one file per user."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from decentralizepy.datasets.leaf.records import json_files, leaf_adapter, read_files
from decentralizepy.errors import DataError
from decentralizepy.files import write_atomic


def file_per_user(directory: str, write_dir: str) -> None:
    """Write ``<user>.json`` into ``write_dir`` for each user of ``directory``.

    Partitioning by files, the default of LEAF data sets, then partitions by user.
    Characters that are not allowed in file names are percent-encoded: ``/`` as ``%2F``.

    Parameters
    ----------
    directory : str
        A folder of LEAF's ``*.json``.
    write_dir : str
        Another folder, which is created if necessary.

    Raises
    ------
    DataError
        If there is no file, one is damaged, two contain the same user, or one cannot be
        written.
    """
    source, target = Path(directory), Path(write_dir)
    files = json_files(source) if source.is_dir() else []
    if not files or source.resolve() == target.resolve():
        what = (
            "is also the output folder"
            if files
            else "not a folder with LEAF's *.json files"
        )
        raise DataError(what, file=directory)
    for _, users in read_files(files, leaf_adapter(Any, Any)):
        for user, samples in users:
            _write(target / f"{quote(user, safe=' ')}.json", user, samples)


def _write(path: Path, user: str, samples: dict[str, list[Any]]) -> None:
    content = {
        "users": [user],
        "num_samples": [len(samples["y"])],
        "user_data": {user: samples},
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, json.dumps(content))
    except OSError as error:
        raise DataError(
            f"cannot be written: {error.strerror}", file=str(path)
        ) from error


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status, which is 2 for a user's mistake."""
    parser = argparse.ArgumentParser(
        description="Split a folder of LEAF's JSON files into one file per user."
    )
    parser.add_argument("directory", metavar="FROM", help="a folder of *.json files")
    parser.add_argument("write_dir", metavar="TO", help="the folder to write to")
    try:
        file_per_user(**vars(parser.parse_args(argv)))
    except DataError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    return 0
