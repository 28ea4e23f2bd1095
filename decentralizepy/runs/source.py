"""Digests of source code, which do not take torch."""

from collections.abc import Mapping
from pathlib import Path

import xxhash

import decentralizepy


def of_package() -> int:
    """Return a digest of the source of this package."""
    folder = Path(decentralizepy.__path__[0])
    return of_files(
        {str(path.relative_to(folder)): path for path in folder.rglob("*.py")}
    )


def of_files(files: Mapping[str, Path]) -> int:
    """Return a digest of names and contents."""
    digest = xxhash.xxh3_64()
    for name in sorted(files):
        # line endings may differ between systems
        source = files[name].read_bytes().replace(b"\r\n", b"\n")
        digest.update(name.encode() + b"\0" + source)
    return digest.intdigest()
