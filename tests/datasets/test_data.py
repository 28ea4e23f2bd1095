"""Data: pairs by place, and batches by slice or array."""

import numpy as np

from decentralizepy.datasets.Data import Data


def test_length_and_items():
    data = Data(np.array([[1, 2], [3, 4], [5, 6]]), np.array([7, 8, 9]))
    assert len(data) == 3
    x, y = data[1]
    assert (x.tolist(), y) == ([3, 4], 8)
    x, y = data[np.array([2, 0])]
    assert (x.tolist(), y.tolist()) == ([[5, 6], [1, 2]], [9, 7])
