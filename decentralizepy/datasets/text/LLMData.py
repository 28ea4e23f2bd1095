"""Tokenized texts and their labels."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch


class LLMData:
    """Samples as dicts of one row of each column and of ``labels``.

    Parameters
    ----------
    x : mapping of str to array or list
        The columns returned by a tokenizer, such as ``input_ids`` and
        ``attention_mask``, of shape (n, length), with all texts padded to one length.
    y : array of shape (n, ...)
    """

    def __init__(self, x: Mapping[str, Any], y: Any) -> None:
        self.x = {name: torch.as_tensor(column) for name, column in x.items()}
        self.y = torch.as_tensor(y)

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, index: Any) -> dict[str, torch.Tensor]:
        """Return the sample at an index, or the batch at a slice or array of indices.

        A batch is only as long as its own longest text.
        """
        rows = {name: column[index] for name, column in self.x.items()}
        mask = rows.get("attention_mask")
        if mask is not None and mask.dim() == 2:
            used = mask.any(0).nonzero()
            end = int(used.max()) + 1 if len(used) else 0
            rows = {name: row[:, :end] for name, row in rows.items()}
        return {**rows, "labels": self.y[index]}

    @property
    def targets(self) -> npt.NDArray[np.int64]:
        """The class of each sample, from its one-hot label."""
        classes: npt.NDArray[np.int64] = self.y.argmax(1).numpy()
        return classes
