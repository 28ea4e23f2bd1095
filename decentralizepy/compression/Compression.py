"""The codec that changes nothing, and the base of those that do."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Bytes = npt.NDArray[np.uint8]
Indices = Array | Iterable[int]


class Compression:
    """Send indices and values as they are.

    A subclass overrides one pair of methods or both; the pairs know nothing of each
    other. What it makes is a uint8 array of shape (bytes,), and what it reads is such
    an array or any other buffer of these bytes. It never changes what it is given.

    Indices are distinct whole numbers from 0 to 2**63 - 2 in any order: an integer
    array of shape (n,), a set or a sequence. They come back sorted, as int64. Values
    are float32 or complex64 of shape (n,), in the order of the sorted indices, and
    come back in the type they had. Zero and one of either are allowed.

    Parameters
    ----------
    *args, **kwargs
        Ignored, so that every codec can be made as ``cls(float_precision=...)``. A
        ``float_precision`` of None is always the class's own default.

    Attributes
    ----------
    limit : int
        Numbers that may come out of a decoder, two for a complex one, and the bound of
        all indices that a sharing sends: it sets its own. What says to hold more is
        refused before anything is allocated for it. 2**30 by default.
    """

    limit = 1 << 30

    def __init__(self, *args: object, **kwargs: object) -> None:
        pass

    def compress(self, indices: Indices) -> Any:
        """Return ``indices`` encoded.

        Raises
        ------
        ValueError
            If they are no distinct whole numbers (subclasses).
        """
        return indices

    def decompress(self, encoded: Any) -> Any:
        """Return the indices that ``compress`` was given, sorted.

        Raises
        ------
        MessageError
            If ``encoded`` is not what ``compress`` makes (subclasses).
        """
        return encoded

    def compress_float(self, values: Array) -> Any:
        """Return ``values`` encoded.

        Raises
        ------
        ValueError
            If they are no float32 or complex64 of shape (n,) (subclasses).
        """
        return values

    def decompress_float(self, encoded: Any) -> Any:
        """Return the values that ``compress_float`` was given, or near ones.

        Raises
        ------
        MessageError
            If ``encoded`` is not what ``compress_float`` makes (subclasses).
        """
        return encoded
