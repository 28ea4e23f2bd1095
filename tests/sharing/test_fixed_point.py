"""Breaks when a sum in fixed point is not the sum of its rounded parts."""

import numpy as np
import pytest

from decentralizepy.sharing._fixed_point import decoded, encoded


def test_numbers_by_hand():
    """Multiples of 1 / 4: 0.5 is 2 of them, and -0.15 is rounded to -1."""
    words = encoded(np.array([1.0, -0.3]), 0.5, 2)
    assert words.tolist() == [2, 2**32 - 1]
    assert decoded(words, 2).tolist() == [0.5, -0.25]


def test_shares_of_the_largest_numbers_do_not_overflow():
    """Half of them is rounded up, to an even number, each of eight times."""
    most = 2.0**31 - 2**15 - 4
    words = encoded(np.array([most, -most]), 1 / 8, 0)
    assert words.view(np.int32).tolist() == [2**28 - 2**12, 2**12 - 2**28]
    total = np.add.reduce([words] * 8, dtype=np.uint32)
    assert decoded(total, 0).tolist() == [most + 4, -most - 4]


def test_a_number_too_large_is_an_error_whatever_its_share():
    with pytest.raises(OverflowError, match=r"magnitude 5.369e\+08"):
        encoded(np.array([0.0, -(2.0**29)]), 1e-9, 2)
    assert encoded(np.empty(0), 1.0, 2).tolist() == []
