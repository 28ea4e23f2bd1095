"""The final models of many nodes in one file, which NumPy can load."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch

State = dict[str, torch.Tensor]


class ManyWeights:
    """``<last round index>_weights.npy``: a float32 matrix with a row for each uid.

    A row is the tensors of the ``state_dict``, one after the other.

    Parameters
    ----------
    folder : Path or str
    number : int
        The round, from 0.
    like : mapping of str to torch.Tensor, optional
        Tensors of the same shapes, to read models as state dicts.
    """

    def __init__(
        self,
        folder: Path | str,
        number: int,
        like: Mapping[str, torch.Tensor] | None = None,
    ) -> None:
        self.path = Path(folder, f"{number}_weights.npy")
        self._partial = self.path.with_suffix(".part")
        self._like = like or {}

    def put_rows(self, first: int, rows: torch.Tensor, nodes: int) -> None:
        """Write the models of consecutive uids; other processes may write others.

        Parameters
        ----------
        first : int
            The uid of the first one.
        rows : torch.Tensor, shape (n, N)
        nodes : int
            How many nodes there are in all.
        """
        shape = (nodes, rows.shape[1])
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        descriptor = os.open(self._partial, os.O_RDWR | os.O_CREAT, 0o666)
        with open(descriptor, "r+b") as file:
            np.lib.format.write_array_header_1_0(file, header)
            file.seek(first * rows[0].nbytes, os.SEEK_CUR)
            file.write(rows.numpy().data)

    def finish(self) -> None:
        """Give the file its name, once all rows are there."""
        self._partial.replace(self.path)

    def __len__(self) -> int:
        return len(self._rows())

    def __iter__(self) -> Iterator[State]:
        sizes = [each.numel() for each in self._like.values()]
        for row in self._rows():
            parts = torch.split(torch.from_numpy(np.array(row)), sizes)
            named = zip(self._like.items(), parts, strict=True)
            yield {name: part.view(each.shape) for (name, each), part in named}

    def _rows(self) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
        rows: np.ndarray[tuple[int, int], np.dtype[np.float32]]
        rows = np.load(self.path, mmap_mode="r", allow_pickle=False)
        return rows
