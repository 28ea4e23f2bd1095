"""The files of what observing nodes received: ``observed/<uid>/<round>.npz`` in a log folder."""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from decentralizepy.errors import DataError
from decentralizepy.files import write_atomic

FOLDER = "observed"

Floats = npt.NDArray[np.float32]
Places = npt.NDArray[Any] | None


@dataclass(frozen=True)
class Observation:
    """What one node received in one round.

    Attributes
    ----------
    observer : int
        The uid of the node.
    round : int
        From 1.
    own : array of float32, shape (N,)
        The observer's own model before it averages.
    vectors : dict of int to array of float32, shape (N,)
        What each sender's message was decoded to; of a sparse message, the observer's own
        entries where none were sent.
    sent : dict of int to array of bool, shape (N,)
        Which entries were sent, of each sparse message.
    kind : str
        ``model``, or the name of what the sharing class sends instead of one.
    """

    observer: int
    round: int
    own: Floats
    vectors: Mapping[int, Floats]
    sent: Mapping[int, npt.NDArray[np.bool_]] = field(default_factory=dict)
    kind: str = "model"

    def write(self, log_dir: str | Path) -> None:
        """Write the file of this round, whole or not at all."""
        path = Path(log_dir, FOLDER, str(self.observer), f"{self.round}.npz")
        path.parent.mkdir(parents=True, exist_ok=True)
        size, memory = len(self.own), io.BytesIO()
        marks = [np.packbits(mask) for mask in self.sent.values()]
        np.savez(
            memory,
            own=self.own,
            kind=np.array(self.kind),
            senders=np.array([*self.vectors], np.int64),
            vectors=_table(self.vectors.values(), size, np.float32),
            sparse=np.array([*self.sent], np.int64),
            sent=_table(marks, -(-size // 8), np.uint8),
        )
        write_atomic(path, memory.getvalue(), sync=False)


def _table(rows: Any, width: int, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    return np.array([*rows], dtype).reshape(-1, width)


def size(numbers: int, senders: int) -> int:
    """Return about how many bytes a file has, for a model of ``numbers`` entries."""
    return (senders + 1) * 4 * numbers + senders * numbers // 8 + 2048


def rounds(log_dir: Path) -> dict[int, list[int]]:
    """Return the rounds that each observer has recorded, ascending, by its uid."""
    found: dict[int, list[int]] = {}
    for path in Path(log_dir, FOLDER).glob("*/*.npz"):
        found.setdefault(int(path.parent.name), []).append(int(path.stem))
    return {uid: sorted(found[uid]) for uid in sorted(found)}


def read(log_dir: Path, observer: int, number: int) -> Observation:
    """Return what an observer recorded in round ``number``.

    Raises
    ------
    DataError
        If the file is damaged.
    """
    path = Path(log_dir, FOLDER, str(observer), f"{number}.npz")
    try:
        with np.load(path, allow_pickle=False) as file:
            return _observation(observer, number, file)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: damaged: {error}") from None


def _observation(observer: int, number: int, file: Any) -> Observation:
    own = file["own"]
    senders, vectors = file["senders"].tolist(), file["vectors"]
    marks = np.unpackbits(file["sent"], axis=1, count=len(own)).astype(bool)
    sparse = dict(zip(file["sparse"].tolist(), marks, strict=True))
    received = dict(zip(senders, vectors, strict=True))
    return Observation(observer, number, own, received, sparse, str(file["kind"]))
