"""Samples with their labels."""

from typing import Any


class Data:
    """Pairs of a sample and its label, stored as two arrays or tensors.

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
        """Return ``(x, y)`` at ``index``: an integer, or a slice or array for a batch."""
        return self.x[index], self.y[index]
