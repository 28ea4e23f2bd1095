"""Samples and their labels, side by side."""

from typing import Any


class Data:
    """Pairs of a sample and its label, held as two arrays or tensors.

    Parameters
    ----------
    x : array of shape (n, ...)
    y : array of shape (n, ...)
    """

    def __init__(self, x: Any, y: Any) -> None:
        self.x, self.y = x, y

    def __len__(self) -> int:
        return int(self.y.shape[0])

    def __getitem__(self, index: Any) -> tuple[Any, Any]:
        """Return ``(x, y)`` at ``index``: a place, or for a batch a slice or array."""
        return self.x[index], self.y[index]
