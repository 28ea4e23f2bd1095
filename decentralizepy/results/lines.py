"""Lines of results: in a file of the node's own, or in one for all nodes that take turns."""

import json
import os
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from contextvars import ContextVar
from itertools import chain
from pathlib import Path

from decentralizepy.errors import DecentralizepyError
from decentralizepy.files import write_atomic
from decentralizepy.results.columns import FILES, Row, parsed

SHARED = "results.jsonl"
STOPPED = "target_reached"
"""What a node's last row says if the target accuracy has ended the run."""

BYZANTINE = "byzantine"
"""What each row of a Byzantine node says."""

SUCCESS = "attack_success"
"""On how many test samples, in percent, an attack succeeds with a node's model."""

DOWN = "down"
"""What a node's row says of a round in which it was down because of churn."""

LOST_MESSAGES = "lost_messages"
"""How many models that were sent to a node in a round were lost because of churn."""

KEPT = "kept"
"""What a node writes before its first row: how many rounds of its earlier rows count."""


class Lines:
    """A file that grows by whole lines: a partial write to a full disk is undone."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND)
        self._whole = os.fstat(self._file).st_size
        self._torn = False

    def append(self, line: str) -> None:
        """Append a line, or raise an OSError."""
        if self._torn:
            self._mend()
        content = line.encode() + b"\n"
        self._torn = True
        try:
            sent = 0
            while sent < len(content):  # a full disk accepts a part, then fails
                sent += os.write(self._file, content[sent:])
        except OSError:
            with suppress(OSError):  # then before the next line
                self._mend()
            raise
        self._whole += len(content)
        self._torn = False

    def close(self) -> None:
        os.close(self._file)

    def _mend(self) -> None:
        os.ftruncate(self._file, self._whole)
        self._torn = False


class SharedLines:
    """The file to which the nodes of this process, and of others, add their lines.

    Each line has the ``rank`` of its node. Lines are held back until ``flush``, so that a
    round of many nodes takes one call to the operating system.

    Parameters
    ----------
    log_dir : Path or str

    Attributes
    ----------
    earlier : dict
        The rows that were there, by rank.
    """

    def __init__(self, log_dir: Path | str) -> None:
        self.path = Path(log_dir, SHARED)
        self.earlier = read_shared(log_dir)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._file = os.open(self.path, flags, 0o666)
        self._held: deque[bytes] = deque()

    def append(self, line: str) -> None:
        """Hold a line until it is written."""
        self._held.append(line.encode() + b"\n")

    def flush(self) -> None:
        """Write all lines; after an OSError, those that are not written are still held."""
        if not self._held:
            return
        content = b"\n" + b"".join(self._held)  # others may have left half a line
        sent = 0
        try:
            while sent < len(content):
                sent += os.write(self._file, content[sent:])
        finally:
            sent -= 1
            while self._held and len(self._held[0]) <= sent:
                sent -= len(self._held.popleft())

    def close(self) -> None:
        """Write all lines, and close the file.

        Raises
        ------
        DecentralizepyError
            If the disk is still full.
        """
        try:
            self.flush()
        except OSError as error:
            left = len(self._held)
            cause = f"{self.path}: {error.strerror}; {left} lines are not saved"
            raise DecentralizepyError(cause) from error
        finally:
            os.close(self._file)


class OwnPlace:
    """A file of a node's own for its lines.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: Lines | None = None

    def keep(self, done: int) -> list[Row]:
        """Drop what comes after ``done`` rounds; return the rest."""
        self.close()
        kept = [row for row in read_rows(self.path) if row["round"] <= done]
        write_atomic(self.path, "".join(json.dumps(row) + "\n" for row in kept))
        self._file = Lines(self.path)
        return kept

    def append(self, line: str) -> None:
        """Append a line, or raise an OSError."""
        assert self._file is not None
        self._file.append(line)

    def flush(self) -> None:
        """Do nothing: lines are written at once."""

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()
            self._file = None


class SharedPlace:
    """A node's lines among those of others."""

    def __init__(self, lines: SharedLines, rank: int) -> None:
        self.path, self.lines, self.rank = lines.path, lines, rank

    def keep(self, done: int) -> list[Row]:
        """Have readers drop what comes after ``done`` rounds; return the rest."""
        earlier = self.lines.earlier.get(self.rank, [])
        self.lines.append(json.dumps({"rank": self.rank, KEPT: done}))
        return [row for row in earlier if row["round"] <= done]

    def append(self, line: str) -> None:
        """Have a line written with those of the others."""
        self.lines.append(f'{{"rank": {self.rank}, {line[1:]}')

    def flush(self) -> None:
        """Write all lines, or raise an OSError."""
        self.lines.flush()

    def close(self) -> None:
        """Do nothing: others keep writing."""


_SHARED: ContextVar[SharedLines | None] = ContextVar("_SHARED", default=None)


def share(lines: SharedLines) -> None:
    """Have the node that takes its turn write its results to ``lines``."""
    _SHARED.set(lines)


def place_of(path: Path, rank: int) -> OwnPlace | SharedPlace:
    """Return where a node writes its lines: to ``path``, unless it shares a file."""
    shared = _SHARED.get()
    return SharedPlace(shared, rank) if shared else OwnPlace(path)


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a node's own file, up to a damaged one; none if it is missing."""
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            return


def read_shared(log_dir: Path | str) -> dict[int, list[Row]]:
    """Return the rows of the nodes that share a file, by rank; damaged lines are skipped."""
    found: dict[int, list[Row]] = {}
    with suppress(FileNotFoundError), open(Path(log_dir, SHARED), "rb") as file:
        for rank, row in chain.from_iterable(map(parsed, file)):
            if KEPT in row:
                rows = found.get(rank, [])
                found[rank] = [each for each in rows if each["round"] <= row[KEPT]]
            elif "round" in row:
                found.setdefault(rank, []).append(row)
    return found


def in_columns(log_dir: Path | str) -> bool:
    """Return whether there are no files per node, but columns for many nodes."""
    with suppress(OSError, ValueError), open(Path(log_dir, SHARED), "rb") as file:
        first = next((line for line in file if line.strip()), b"{}")
        return bool(json.loads(first).get("nodes", 0) > FILES)
    return False


def read_all(log_dir: Path | str) -> dict[int, list[Row]]:
    """Return the rows of all nodes by rank, however they were written."""
    own = {rank: [*read_rows(path)] for rank, path in _own_files(log_dir)}
    return {**read_shared(log_dir), **own}


def stopped_after(log_dir: Path | str) -> int:
    """Return the round after which nodes ended before the last one; 0 if none did."""
    last = (rows[-1] for rows in read_all(log_dir).values() if rows)
    return max((row["round"] for row in last if row.get(STOPPED)), default=0)


def arrange(log_dir: Path | str, shared: bool) -> None:
    """Write the lines of an earlier run as the nodes are about to write theirs."""
    files, together = _own_files(log_dir), Path(log_dir, SHARED)
    if shared and files:
        _write(together, _together(read_all(log_dir)))
        for _, path in files:
            path.unlink()
    elif shared:  # readers then need not look for a file of each node
        together.touch()
    elif together.exists():
        for rank, rows in read_shared(log_dir).items():
            _write(Path(log_dir, f"{rank}_results.jsonl"), rows)
        together.unlink()


def _together(rows: dict[int, list[Row]]) -> Iterator[Row]:
    for rank in sorted(rows):
        yield {"rank": rank, KEPT: 0}
        for row in rows[rank]:
            yield {"rank": rank, **row}


def _write(path: Path, rows: Iterable[Row]) -> None:
    write_atomic(path, "".join(json.dumps(row) + "\n" for row in rows))


def _own_files(log_dir: Path | str) -> list[tuple[int, Path]]:
    files = Path(log_dir).glob("*_results.jsonl")
    return [(int(path.name.partition("_")[0]), path) for path in sorted(files)]
